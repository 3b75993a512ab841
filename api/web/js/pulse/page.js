// Pulse: how the installation does, for its operators. Figures only; nobody's content.

import { short } from '../format.js';
import { styled } from '../log/stylesheet.js';
import { clock, duration } from '../log/units.js';
import { go } from '../router.js';
import { session } from '../state.js';
import { html, Icon, useEffect, useState } from '../ui/html.js';
import { t, tt } from '../words.js';
import { Chart } from './chart.js';
import { follow, link, linkError, newest } from './figures.js';
import { Health, Lag, Workers } from './tables.js';

await styled('pulse.css');

const SPANS = [[60, 'pulse.span-1'], [300, 'pulse.span-5'], [600, 'pulse.span-10']];
const time = (ms) => (ms === null ? '–' : duration(ms));

export function PulsePage() {
  const [seconds, setSeconds] = useState(60);
  const [tries, setTries] = useState(0);
  const operator = session.value?.operator;
  useEffect(() => (operator ? follow() : undefined), [operator, tries]);
  const figures = newest.value;
  const error = linkError.value;
  if (operator === false || (link.value === 'failed' && error?.status === 404)) return html`<${NotForYou} />`;
  return html`<div class="pulse" tabindex="0" role="region" aria-label=${t('pulse.name')} data-testid="pulse"><div class="pulse-page">
    <header class="pulse-head">
      <span class=${`pulse-link pulse-link-${link.value}`} role="status" data-testid="pulse-state"><i />${link.value === 'failed' && error ? error.message : t(`pulse.link-${link.value}`)}</span>
      ${link.value === 'failed' && html`<button type="button" data-testid="pulse-retry" onClick=${() => setTries(tries + 1)}>${t('try-again')}</button>`}
      ${figures && html`<time class="muted" datetime=${figures.at}>${clock(Date.parse(figures.at))}</time>`}
      <span class="spans" role="group" aria-label=${t('pulse.span')}>${SPANS.map(([value, name]) => html`<button type="button" key=${value} aria-pressed=${seconds === value} onClick=${() => setSeconds(value)}>${t(name)}</button>`)}</span>
    </header>
    ${figures ? html`<${Figures} figures=${figures} seconds=${seconds} />` : link.value !== 'failed' && html`<div class="pulse-grid" role="status" aria-label=${t('pulse.waiting')}>${[1, 2, 3, 4].map((each) => html`<div key=${each} class="pulse-card skeleton"><i /><i /><i /></div>`)}</div>`}
  </div></div>`;
}

function Figures({ figures, seconds }) {
  const { tokensPerS, promptsPerS, ttftMs, running, queued } = figures;
  const idle = tokensPerS === 0 && promptsPerS === 0 && running === 0 && queued === 0;
  const shown = { seconds, format: short };
  return html`<div class=${`pulse-grid ${link.value === 'open' ? '' : 'stale'}`}>
    <${Card} id="tokens" title=${t('pulse.tokens')} least=${10} ...${shown} series=${[{ name: t('pulse.tokens-per-s'), column: 1, colour: '--chart-a', fill: true, value: short(tokensPerS) }]} hint=${idle ? t('pulse.idle') : ''} />
    <${Card} id="prompts" title=${t('pulse.prompts')} least=${1} ...${shown} series=${[{ name: t('pulse.prompts-per-s'), column: 2, colour: '--chart-b', fill: true, value: short(promptsPerS) }]} />
    <${Card} id="ttft" title=${t('pulse.ttft')} least=${100} seconds=${seconds} format=${(ms) => time(Math.round(ms))} series=${[{ name: 'p50', column: 3, colour: '--chart-a', value: time(ttftMs.p50) }, { name: 'p99', column: 4, colour: '--chart-c', value: time(ttftMs.p99) }]}
      hint=${ttftMs.n === 0 ? t('pulse.ttft-none') : t('pulse.ttft-of', { count: ttftMs.n })} />
    <${Card} id="generations" title=${t('pulse.answers')} least=${2} whole ...${shown} series=${[{ name: t('pulse.running'), column: 5, colour: '--chart-a', value: short(running) }, { name: t('pulse.queued'), column: 6, colour: '--chart-c', value: short(queued) }]} />
    <${Workers} figures=${figures} /><${Health} figures=${figures} /><${Lag} figures=${figures} />
  </div>`;
}

function Card({ id, title, hint, series, ...rest }) {
  const label = `${title}: ${series.map(({ name, value }) => `${value} ${name}`).join(', ')}`;
  return html`<section class="pulse-card" aria-labelledby=${`pulse-${id}`} data-testid=${`pulse-${id}`}>
    <header><h2 id=${`pulse-${id}`}>${title}</h2><span class="muted">${hint}</span></header>
    <p class="values">${series.map(({ name, value, colour }) => html`<span key=${name} class=${`value ${colour.slice(2)}`}><strong>${value}</strong> ${name}</span>`)}</p>
    <${Chart} label=${label} series=${series} ...${rest} />
  </section>`;
}

const NotForYou = () => html`<div class="pulse" data-testid="pulse-denied"><div class="pulse-denied"><${Icon} name="pulse" />
  <h2>${t('pulse.denied')}</h2>
  <p>${tt('pulse.denied-why', { setting: html`<code>api.operators</code>` })}</p>
  <button type="button" onClick=${() => go('/')}>${t('pulse.back')}</button></div></div>`;
