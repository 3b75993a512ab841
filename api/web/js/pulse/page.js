// Pulse: how the installation does, for its operators. Figures only; nobody's content.

import { go } from '../router.js';
import { session } from '../state.js';
import { html, Icon, useEffect, useState } from '../ui/html.js';
import { styled } from '../log/stylesheet.js';
import { duration } from '../log/units.js';
import { Chart } from './chart.js';
import { follow, link, linkError, newest } from './figures.js';
import { Health, Lag, Workers } from './tables.js';

await styled('pulse.css');

const SPANS = [[60, '1 min'], [300, '5 min'], [600, '10 min']];
const LINK = { connecting: 'Connecting…', open: 'Live', reconnecting: 'Reconnecting… The figures are the last that came.', failed: 'Not live' };
const small = (number) => (number >= 10_000 ? `${Math.round(number / 1000)}k` : number >= 1000 ? `${(number / 1000).toFixed(1)}k` : String(Math.round(number * 10) / 10));
const time = (ms) => (ms === null ? '–' : duration(ms));

export function PulsePage() {
  const [seconds, setSeconds] = useState(60);
  const [tries, setTries] = useState(0);
  const operator = session.value?.operator;
  useEffect(() => (operator ? follow() : undefined), [operator, tries]);
  const figures = newest.value;
  const error = linkError.value;
  if (operator === false || (link.value === 'failed' && error?.status === 404)) return html`<${NotForYou} />`;
  return html`<div class="pulse" tabindex="0" role="region" aria-label="Pulse" data-testid="pulse"><div class="pulse-page">
    <header class="pulse-head">
      <span class=${`pulse-link pulse-link-${link.value}`} role="status" data-testid="pulse-state"><i />${link.value === 'failed' && error ? error.message : LINK[link.value]}</span>
      ${link.value === 'failed' && html`<button type="button" data-testid="pulse-retry" onClick=${() => setTries(tries + 1)}>Try again</button>`}
      ${figures && html`<time class="muted" datetime=${figures.at}>${new Date(figures.at).toLocaleTimeString('en-GB')}</time>`}
      <span class="spans" role="group" aria-label="How far back">${SPANS.map(([value, name]) => html`<button type="button" key=${value} aria-pressed=${seconds === value} onClick=${() => setSeconds(value)}>${name}</button>`)}</span>
    </header>
    ${figures ? html`<${Figures} figures=${figures} seconds=${seconds} />` : link.value !== 'failed' && html`<div class="pulse-grid" role="status" aria-label="Waiting for the first figures">${[1, 2, 3, 4].map((each) => html`<div key=${each} class="pulse-card skeleton"><i /><i /><i /></div>`)}</div>`}
  </div></div>`;
}

function Figures({ figures, seconds }) {
  const { tokensPerS, promptsPerS, ttftMs, running, queued } = figures;
  const idle = tokensPerS === 0 && promptsPerS === 0 && running === 0 && queued === 0;
  return html`<div class=${`pulse-grid ${link.value === 'open' ? '' : 'stale'}`}>
    <${Card} id="tokens" title="Tokens" least=${10} seconds=${seconds} format=${small} series=${[{ name: 'tokens/s', column: 1, colour: '--chart-a', fill: true, value: small(tokensPerS) }]} hint=${idle ? 'Nothing is being written now.' : ''} />
    <${Card} id="prompts" title="Prompts" least=${1} seconds=${seconds} format=${small} series=${[{ name: 'prompts/s', column: 2, colour: '--chart-b', fill: true, value: small(promptsPerS) }]} />
    <${Card} id="ttft" title="Time to first token" least=${100} seconds=${seconds} format=${(ms) => time(Math.round(ms))} series=${[{ name: 'p50', column: 3, colour: '--chart-a', value: time(ttftMs.p50) }, { name: 'p99', column: 4, colour: '--chart-c', value: time(ttftMs.p99) }]}
      hint=${ttftMs.n === 0 ? 'No answer has begun in the last minute.' : `of ${ttftMs.n} ${ttftMs.n === 1 ? 'answer' : 'answers'} in the last minute`} />
    <${Card} id="generations" title="Answers" least=${2} whole seconds=${seconds} format=${small} series=${[{ name: 'running', column: 5, colour: '--chart-a', value: small(running) }, { name: 'queued', column: 6, colour: '--chart-c', value: small(queued) }]} />
    <${Workers} workers=${figures.workers} /><${Health} figures=${figures} /><${Lag} figures=${figures} />
  </div>`;
}

function Card({ id, title, hint, series, ...rest }) {
  const label = `${title}: ${series.map(({ name, value }) => `${value} ${name}`).join(', ')}`;
  return html`<section class="pulse-card" aria-labelledby=${`pulse-${id}`} data-testid=${`pulse-${id}`}>
    <header><h3 id=${`pulse-${id}`}>${title}</h3><span class="muted">${hint}</span></header>
    <p class="values">${series.map(({ name, value, colour }) => html`<span key=${name} class=${`value ${colour.slice(2)}`}><strong>${value}</strong> ${name}</span>`)}</p>
    <${Chart} label=${label} series=${series} ...${rest} />
  </section>`;
}

const NotForYou = () => html`<div class="pulse" data-testid="pulse-denied"><div class="pulse-denied"><${Icon} name="pulse" />
  <h3>Pulse is for operators</h3>
  <p>It shows how the whole installation does: throughput, lag, workers. Who may see it is the setting <code>api.operators</code>; without it, the user that <code>./verbatim up</code> made.</p>
  <button type="button" onClick=${() => go('/')}>Back to the chat</button></div></div>`;
