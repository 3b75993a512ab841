// The chunks of one attempt. There may be thousands: only those in sight are elements.

import { short } from '../format.js';
import { visible } from '../text.js';
import { html, useState } from '../ui/html.js';
import { t } from '../words.js';
import { Payload } from './payload.js';
import { after, duration } from './units.js';

const ROW_PX = 26;
const MAX_ROWS = 9;
const BEYOND = 6;

export function RunView({ chunks, travel }) {
  const [top, setTop] = useState(0);
  const [chosen, setChosen] = useState(null);
  const first = Math.max(0, Math.floor(top / ROW_PX) - BEYOND);
  const shown = chunks.slice(first, first + MAX_ROWS + 2 * BEYOND);
  const step = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: MAX_ROWS, PageUp: -MAX_ROWS, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = Math.min(chunks.length - 1, Math.max(0, chunks.indexOf(chosen) + by));
    setChosen(chunks[at]);
    const scroller = event.currentTarget;
    if (at * ROW_PX < scroller.scrollTop) scroller.scrollTop = at * ROW_PX;
    else if ((at + 1) * ROW_PX > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = (at + 1) * ROW_PX - scroller.clientHeight;
  };
  return html`<div class="run">
    <p class="run-said">${figures(chunks)}</p>
    <div class="run-scroller" tabindex="0" role="listbox" aria-label=${t('log.run')} aria-activedescendant=${chosen && shown.includes(chosen) ? idOf(chosen) : undefined} style=${{ height: `${Math.min(MAX_ROWS, chunks.length) * ROW_PX + 2}px` }}
      onScroll=${(event) => setTop(event.currentTarget.scrollTop)} onKeyDown=${step}>
      <div class="run-all" role="presentation" style=${{ height: `${chunks.length * ROW_PX}px` }}>
        <div role="presentation" style=${{ transform: `translateY(${first * ROW_PX}px)` }}>${shown.map((event, at) => html`<div key=${event.key} id=${idOf(event)} class=${`chunk ${event === chosen ? 'chosen' : ''}`} role="option" aria-selected=${event === chosen}
          aria-setsize=${chunks.length} aria-posinset=${first + at + 1} data-testid="log-chunk" data-seq=${event.payload?.seq} onClick=${() => setChosen(event === chosen ? null : event)}>
          <span class="chunk-seq">${event.payload?.seq}</span>
          <bdi class="chunk-text">${textOf(event)}</bdi>
          <span class="chunk-since">${after(first + at > 0 ? event.atMs - chunks[first + at - 1].atMs : null)}</span></div>`)}</div>
      </div>
    </div>
    ${chosen && html`<div class="chunk-open"><div class="row-acts"><span dir="ltr">@${chosen.offset}</span><button type="button" onClick=${() => travel.to(chosen)}>${t('log.travel')}</button></div>
      <${Payload} key=${chosen.key} payload=${chosen.payload} label=${t('log.payload-chunk', { number: chosen.payload?.seq ?? 0 })} /></div>`}
  </div>`;
}

const idOf = ({ topic, partition, offset }) => `chunk-${topic}-${partition}-${offset}`;

function textOf({ payload, summary }) {
  return typeof payload?.delta === 'string' ? visible(payload.delta.slice(0, 200)).replaceAll('\n', '⏎').replaceAll('\t', '⇥') : summary;
}

function figures(chunks) {
  const lasted = chunks.at(-1).atMs - chunks[0].atMs;
  const tokens = chunks.reduce((sum, { payload }) => sum + (payload?.tokens ?? 0), 0);
  const gaps = chunks.slice(1).map((each, at) => each.atMs - chunks[at].atMs).sort((a, b) => a - b);
  const told = [t('log.tokens-in', { count: tokens, duration: duration(lasted) })];
  if (lasted > 0) told.push(t('log.tokens-per-s', { number: short(tokens / (lasted / 1000)) }));
  if (gaps.length > 0) told.push(t('log.longest-pause', { duration: duration(gaps.at(-1)) }));
  return told.join(' · ');
}
