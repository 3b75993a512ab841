// What is not a line over time: workers, lag, letters, checks.

import { count } from '../format.js';
import { visible } from '../text.js';
import { html, Icon } from '../ui/html.js';
import { t, tOr, tt } from '../words.js';
import { totalLag } from './figures.js';

const LAG_SEEN = 100;

/** A card with a heading and what is said beside it. */
const card = (id, title, said, tone, content) => html`<section class="pulse-card" aria-labelledby=${`pulse-${id}`} data-testid=${`pulse-${id}`}>
  <header><h2 id=${`pulse-${id}`}>${title}</h2><span class=${tone}>${said}</span></header>${content}</section>`;

export function Workers({ figures: { workers, groups } }) {
  const slots = workers.reduce((sum, each) => sum + (each.slots ?? 0), 0);
  const busy = workers.reduce((sum, each) => sum + each.busy, 0);
  // Before any group has been asked, nothing is known of workers either.
  const none = t(groups.length === 0 ? 'pulse.workers-unknown' : 'pulse.workers-none');
  return card('workers', t('pulse.workers'), workers.length === 0 ? '' : t('pulse.slots', { busy, count: slots }), 'muted', workers.length === 0
    ? html`<p class="pulse-none">${none}</p>`
    : html`<ul class="workers">${workers.map(({ worker, slots: own, busy: used }) => html`<li key=${worker}>
      <bdi>${visible(worker)}</bdi>
      <meter class=${used > 0 ? 'some' : ''} min="0" max=${Math.max(own ?? 0, used, 1)} value=${used} aria-label=${t('pulse.slots-of', { worker })} />
      <span>${own === null ? t('pulse.running-outside', { count: used }) : `${count(used)} / ${count(own)}`}</span></li>`)}</ul>`);
}

export function Lag({ figures }) {
  const { groups } = figures;
  const most = Math.max(LAG_SEEN, ...groups.map((each) => each.lag));
  const total = totalLag(figures);
  const said = groups.length === 0 ? '' : total === 0 ? t('pulse.lag-none') : t('pulse.lag-all', { count: total });
  return card('lag', t('pulse.lag'), said, 'muted', groups.length === 0
    ? html`<p class="pulse-none">${t('pulse.groups-none')}</p>`
    : html`<div class="pulse-scroll" tabindex="0" role="region" aria-label=${t('pulse.lag-table')}><table><thead><tr><th scope="col">${t('pulse.group')}</th><th scope="col">${t('pulse.topic')}</th><th scope="col" class="number">${t('pulse.behind')}</th></tr></thead>
      <tbody>${groups.map(({ group, topic, lag }) => html`<tr key=${`${group} ${topic}`} class=${lag > 0 ? 'behind' : ''}>
        <th scope="row"><bdi>${visible(group.replace(/^verbatim-/, ''))}</bdi></th><td><bdi>${visible(topic)}</bdi></td>
        <td class="number">${lag > 0 && html`<i class="lag-bar" style=${{ width: `${(lag / most) * 4}rem` }} />`}${count(lag)}</td></tr>`)}</tbody></table></div>`);
}

export function Health({ figures }) {
  const { deadLetters, readers, checks } = figures;
  const bad = Object.entries(checks).filter(([, state]) => state !== 'ok');
  const open = deadLetters.open > 0;
  const nameOf = (check) => tOr(`pulse.check-${check}`, visible(check));
  const row = (tone, icon, name, value, testid) => html`<div key=${name} class=${tone} data-testid=${testid}><dt><${Icon} name=${icon} />${name}</dt><dd>${value}</dd></div>`;
  return card('health', t('pulse.health'), bad.length > 0 ? t('pulse.away', { names: bad.map(([name]) => nameOf(name)).join(', ') }) : t('pulse.all-answer'), bad.length > 0 ? 'bad' : 'muted', html`
    <dl class="health">
      ${Object.entries(checks).map(([name, state]) => row(state === 'ok' ? 'ok' : 'bad', state === 'ok' ? 'check' : 'warn', nameOf(name), tOr(`pulse.state-${state}`, visible(state))))}
      ${row(open ? 'bad' : 'ok', open ? 'warn' : 'check', t('pulse.letters'), open ? t('pulse.letters-open', { count: deadLetters.open }) : t('pulse.letters-none'), 'pulse-dead-letters')}
      ${row('', 'log', t('pulse.readers'), count(readers), 'pulse-readers')}
    </dl>
    ${open && html`<p class="pulse-hint">${tt('pulse.letters-look', { command: html`<code>./verbatim replay dlq list</code>` })}</p>`}`);
}
