// The rows of the log: an event, the chunks of an attempt, the heading of a turn.

import { count } from '../format.js';
import { visible } from '../text.js';
import { html, Icon } from '../ui/html.js';
import { t } from '../words.js';
import { memo } from './memo.js';
import { Payload } from './payload.js';
import { textOf } from './rows.js';
import { RunView } from './run_view.js';
import { after, bytes, day, duration, exactly, moment } from './units.js';

const SUMMARY = 300;
const tone = (topic) => `topic topic-${topic.replace(/\..*$/, '')}`;

/** `when`: 'here', 'just-before' or '', of the moment that is looked back at. `view`: {toggle(key), choose(id), travel}. */
export const EventRow = memo(({ row, open, when, view }) => {
  const { event, since } = row;
  const { topic, partition, offset, type, size, summary, atMs } = event;
  return html`<li class=${`log-row ${when}`} data-key=${row.key} data-testid="log-event" data-type=${type} data-topic=${topic} data-offset=${offset} aria-current=${when === 'here' ? 'true' : undefined}>
    <button type="button" class="row-head" aria-expanded=${open} onClick=${() => view.toggle(row.key)}>
      <span class=${tone(topic)} aria-hidden="true" />
      <span class="row-type">${type}</span>
      <time class="row-time" datetime=${event.time}>${exactly(atMs)}</time>
      <bdi class="row-summary">${visible(summary)}</bdi>
      <span class="row-place" dir="ltr"><span>${topic}</span> <span title=${t('log.partition')}>p${partition}</span> <span title=${t('log.offset')}>@${offset}</span> <span title=${t('log.size')}>${bytes(size)}</span></span>
      <span class="row-since" title=${t('log.since')}>${after(since)}</span>
    </button>
    ${open && html`<div class="row-open">
      <div class="row-acts"><span>${day(atMs)}</span><button type="button" data-testid="log-travel" onClick=${() => view.travel.to(event)}>${t('log.travel')}</button></div>
      <${Payload} payload=${event.payload} label=${t('log.payload-of', { type, offset })} /></div>`}
  </li>`;
});

/** `upTo`: how many of the chunks there were at the moment that is looked back at. */
export const RunRow = memo(({ row, open, when, upTo, view }) => {
  const { chunks, since } = row;
  const [first, last] = [chunks[0], chunks.at(-1)];
  const size = chunks.reduce((sum, each) => sum + each.size, 0);
  const text = textOf(chunks.slice(0, 40)).slice(0, SUMMARY);
  return html`<li class=${`log-row log-run ${when}`} data-key=${row.key} data-testid="log-event" data-type=${first.type} data-topic=${first.topic} data-offset=${first.offset} data-count=${chunks.length} aria-current=${when === 'here' ? 'true' : undefined}>
    <button type="button" class="row-head" aria-expanded=${open} onClick=${() => view.toggle(row.key)}>
      <span class=${tone(first.topic)} aria-hidden="true" />
      <span class="row-type">${first.type} <span class="row-count">× ${count(chunks.length)}</span>${when === 'here' && html` <span class="row-count">${t('log.then', { count: upTo })}</span>`}</span>
      <time class="row-time" datetime=${first.time}>${exactly(first.atMs)}</time>
      <bdi class="row-summary">${visible(text)}</bdi>
      <span class="row-place" dir="ltr"><span>${first.topic}</span> <span title=${t('log.partition')}>p${first.partition}</span> <span title=${t('log.offsets')}>@${first.offset}–${last.offset}</span> <span title=${t('log.size')}>${bytes(size)}</span> <span title=${t('log.lasted')}>${duration(last.atMs - first.atMs)}</span></span>
      <span class="row-since" title=${t('log.since')}>${after(since)}</span>
    </button>
    ${open && html`<div class="row-open"><${RunView} chunks=${chunks} travel=${view.travel} /></div>`}
  </li>`;
});

export const TurnRow = memo(({ row, prompt, chosen, view }) => html`<li class="turn-row" data-key=${row.key}>
  <button type="button" aria-pressed=${chosen} title=${t('log.show-turn')} onClick=${() => view.choose(row.generationId)}>
    <${Icon} name="pulse" /><bdi>${visible(prompt || t('log.turn'))}</bdi><time datetime=${new Date(row.atMs).toISOString()}>${moment(row.atMs)}</time>
  </button></li>`);
