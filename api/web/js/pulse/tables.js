// What is not a line over time: workers, lag, letters, checks.

import { count } from '../format.js';
import { visible } from '../text.js';
import { html, Icon } from '../ui/html.js';
import { totalLag } from './figures.js';

const LAG_SEEN = 100;

export function Workers({ workers }) {
  const slots = workers.reduce((sum, each) => sum + (each.slots ?? 0), 0);
  const busy = workers.reduce((sum, each) => sum + each.busy, 0);
  return html`<section class="pulse-card" aria-labelledby="pulse-workers" data-testid="pulse-workers">
    <header><h3 id="pulse-workers">Workers</h3><span class="muted">${workers.length === 0 ? '' : `${count(busy)} of ${count(slots)} slots busy`}</span></header>
    ${workers.length === 0
      ? html`<p class="pulse-none">No worker is in its group. Prompts wait until one comes.</p>`
      : html`<ul class="workers">${workers.map(({ worker, slots: own, busy: used }) => html`<li key=${worker}>
        <bdi>${visible(worker)}</bdi>
        <meter class=${used > 0 ? 'some' : ''} min="0" max=${Math.max(own ?? 0, used, 1)} value=${used} aria-label=${`Busy slots of ${worker}`} />
        <span>${own === null ? `${used} running, not in its group` : `${used} / ${own}`}</span></li>`)}</ul>`}
  </section>`;
}

export function Lag({ figures }) {
  const { groups } = figures;
  const most = Math.max(LAG_SEEN, ...groups.map((each) => each.lag));
  const total = totalLag(figures);
  return html`<section class="pulse-card" aria-labelledby="pulse-lag" data-testid="pulse-lag">
    <header><h3 id="pulse-lag">Lag per group</h3><span class="muted">${groups.length === 0 ? '' : total === 0 ? 'all caught up' : `${count(total)} records behind`}</span></header>
    ${groups.length === 0
      ? html`<p class="pulse-none">No group has read anything yet.</p>`
      : html`<div class="pulse-scroll" tabindex="0" role="region" aria-label="Groups, topics and how far they are behind"><table><thead><tr><th scope="col">Group</th><th scope="col">Topic</th><th scope="col" class="number">Behind</th></tr></thead>
        <tbody>${groups.map(({ group, topic, lag }) => html`<tr key=${`${group} ${topic}`} class=${lag > 0 ? 'behind' : ''}>
          <th scope="row"><bdi>${visible(group.replace(/^verbatim-/, ''))}</bdi></th><td><bdi>${visible(topic)}</bdi></td>
          <td class="number">${lag > 0 && html`<i class="lag-bar" style=${{ width: `${(lag / most) * 4}rem` }} />`}${count(lag)}</td></tr>`)}</tbody></table></div>`}
  </section>`;
}

export function Health({ figures }) {
  const { deadLetters, readers, checks } = figures;
  const bad = Object.entries(checks).filter(([, state]) => state !== 'ok');
  return html`<section class="pulse-card" aria-labelledby="pulse-health" data-testid="pulse-health">
    <header><h3 id="pulse-health">Health</h3><span class=${bad.length > 0 ? 'bad' : 'muted'}>${bad.length > 0 ? `${bad.map(([name]) => name).join(', ')} away` : 'all servers answer'}</span></header>
    <dl class="health">
      ${Object.entries(checks).map(([name, state]) => html`<div key=${name} class=${state === 'ok' ? 'ok' : 'bad'}><dt><${Icon} name=${state === 'ok' ? 'check' : 'warn'} />${name}</dt><dd>${state}</dd></div>`)}
      <div class=${deadLetters.open > 0 ? 'bad' : 'ok'} data-testid="pulse-dead-letters"><dt><${Icon} name=${deadLetters.open > 0 ? 'warn' : 'check'} />dead letters</dt><dd>${deadLetters.open > 0 ? `${count(deadLetters.open)} open` : 'none open'}</dd></div>
      <div data-testid="pulse-readers"><dt><${Icon} name="log" />streams open</dt><dd>${count(readers)}</dd></div>
    </dl>
    ${deadLetters.open > 0 && html`<p class="pulse-hint">Look at them with <code>./verbatim replay dlq list</code>.</p>`}
  </section>`;
}
