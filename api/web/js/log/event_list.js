// The events as rows, the newest last and in sight. The rows that are elements are bounded, however many are known.

import { html, Icon, useEffect, useLayoutEffect, useRef, useState } from '../ui/html.js';
import { useFollowing } from '../ui/scrolling.js';
import { t } from '../words.js';
import { EventRow, RunRow, TurnRow } from './event_row.js';
import { promptsOf, rowsOf, settled, windowOf } from './rows.js';

const SHOWN = 200;
const MAX_SHOWN = 600;

/** `view`: {filter, open, toggle, choose, travel, wanted}: signals and what the rows do; `chosen`: the turn on top. */
export function EventList({ log, view, chosen }) {
  const scroller = useRef(null);
  const content = useRef(null);
  const made = useRef({});
  const [most, setMost] = useState(SHOWN);
  const [endKey, setEndKey] = useState(null);
  const [target, setTarget] = useState(null);
  const { toEnd, away, hold } = useFollowing(scroller, content);
  const events = log.events.value;
  const at = view.travel.at.value;
  const wanted = view.wanted.value;
  const rows = rowsFor(made, events, view.filter.value);
  const [from, to] = windowOf(rows, endKey, most);
  const prompts = promptsOf(events, log.asked.value);

  // The row of that moment or, where it is filtered out, the one before it.
  const place = at ? events.indexOf(at) : -1;
  const here = place < 0 ? -1 : rows.findLastIndex((row) => row.kind !== 'turn' && row.first <= place && (row.event === at || row.last < place || row.chunks?.includes(at)));
  const exact = here >= 0 && rows[here].first <= place && place <= rows[here].last;

  const reveal = (index) => {
    if (index < 0) return;
    hold();
    if (index < from || index >= to) {
      setMost(SHOWN);
      setEndKey(index + SHOWN / 2 < rows.length ? rows[index + SHOWN / 2].key : null);
    }
    setTarget({ key: rows[index].key });
  };
  useEffect(() => {
    if (at) reveal(here);
    else setEndKey(null);
  }, [at]);
  useEffect(() => {
    if (wanted) reveal(rows.findIndex((row) => row.key === wanted.key));
  }, [wanted]);
  useLayoutEffect(() => {
    if (target) scroller.current.querySelector(`[data-key="${CSS.escape(target.key)}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [target]);
  const earlier = async () => {
    hold();
    const stay = anchored(scroller.current);
    if (from === 0) await log.loadEarlier();
    if (most < MAX_SHOWN) setMost(most + SHOWN);
    else setEndKey(rows[to - 1 - SHOWN].key); // as many at the other end are let go
    stay();
  };
  const later = () => setEndKey(to + SHOWN < rows.length ? rows[to + SHOWN - 1].key : null);
  const latest = () => {
    setEndKey(null);
    setMost(SHOWN);
    requestAnimationFrame(toEnd);
  };
  const more = from > 0 || log.nextBefore.value;
  return html`<div class="log-list"><div class="log-scroller" ref=${scroller} tabindex="0" role="region" aria-label=${t('log.events')}>
    <div ref=${content}>
      ${more && html`<button type="button" class="quiet wide" data-testid="log-load-earlier" disabled=${log.loadingEarlier.value} onClick=${earlier}>${t(log.loadingEarlier.value ? 'log.reading' : 'log.earlier')}</button>`}
      ${log.earlierError.value && html`<p class="log-error" role="alert">${log.earlierError.value.message}</p>`}
      <ol class="log-rows">${rows.slice(from, to).map((row, number) => {
        const common = { key: row.key, row, view };
        if (row.kind === 'turn') return html`<${TurnRow} ...${common} prompt=${prompts.get(row.generationId)} chosen=${chosen === row.generationId} />`;
        const when = from + number === here ? (exact ? 'here' : 'just-before') : '';
        const open = view.open.value.has(row.key);
        if (row.kind === 'event') return html`<${EventRow} ...${common} when=${when} open=${open} />`;
        return html`<${RunRow} ...${common} when=${when} open=${open} upTo=${when === 'here' ? row.chunks.indexOf(at) + 1 : 0} />`;
      })}</ol>
      ${to < rows.length && html`<button type="button" class="quiet wide" data-testid="log-load-later" onClick=${later}>${t('log.later')}</button>`}
      ${rows.length === 0 && html`<${Nothing} log=${log} events=${events} filter=${view.filter} />`}
    </div></div>
    ${(away || endKey !== null) && !at && html`<button type="button" class="log-newest" data-testid="log-newest" onClick=${latest}><${Icon} name="arrow" />${t('log.newest')}</button>`}
  </div>`;
}

/** The rows, made anew only for other events or another filter. */
function rowsFor(made, events, filter) {
  const before = made.current;
  if (before.events !== events || before.filter !== filter) {
    const rows = settled(rowsOf(events, filter), before.byKey ?? new Map());
    made.current = { events, filter, rows, byKey: new Map(rows.map((row) => [row.key, row])) };
  }
  return made.current.rows;
}

/** Returns what brings the row on top back to where it is now, once others have come above it. */
function anchored(scroller) {
  const key = scroller.querySelector('.log-row')?.dataset.key;
  const row = () => key && scroller.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const top = row()?.getBoundingClientRect().top;
  const back = () => row() && (scroller.scrollTop += row().getBoundingClientRect().top - top);
  return () => requestAnimationFrame(() => requestAnimationFrame(back));
}

function Nothing({ log, events, filter }) {
  if (events.length === 0) return html`<p class="log-none" role="status">${t(log.nextBefore.value ? 'log.further-back' : 'log.nothing')}</p>`;
  return html`<p class="log-none" role="status">${t('log.no-match')} <button type="button" class="link" onClick=${() => (filter.value = { type: '', text: '' })}>${t('log.show-all')}</button></p>`;
}
