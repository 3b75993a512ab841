// The timeline of a turn, drawn: one row a stage, all on one scale.

import { count } from '../format.js';
import { visible } from '../text.js';
import { html } from '../ui/html.js';
import { t } from '../words.js';
import { densityOf } from './timeline_rows.js';
import { after, duration } from './units.js';

const BINS = 96;
const HEIGHT = 20;
const LEAST_PERCENT = 0.4;

/** `told`: of timelineRows. A row leads to its event in the list. */
export function Timeline({ told, view, replaying }) {
  const { rows, totalMs, chunks, running } = told;
  const percent = (ms) => `${(Math.max(0, ms) / totalMs) * 100}%`;
  const width = (from, to) => `${Math.max(LEAST_PERCENT, ((to - from) / totalMs) * 100)}%`;
  return html`<div class="timeline">
    <ol>${rows.map((row) => html`<li key=${row.key} class=${`stage stage-${row.tone}`} data-stage=${row.label}>
      <button type="button" onClick=${() => view.find(row.event)} title=${visible(`${row.detail ? `${row.detail} – ` : ''}${t('log.after-start', { duration: duration(row.toMs) })}`)}>
        <span class="stage-name">${row.label}</span>
        <span class="stage-track"><i class="stage-bar" style=${{ insetInlineStart: percent(Math.min(row.fromMs, totalMs)), width: width(row.fromMs, row.toMs) }} />
          ${row.mark !== null && html`<i class="stage-first" style=${{ insetInlineStart: percent(row.mark) }} />`}</span>
        <span class="stage-since">${after(row.since)}</span>
        ${row.detail && html`<bdi class="stage-detail">${visible(row.detail)}</bdi>`}
      </button></li>`)}
      ${chunks.length > 1 && html`<li class="stage stage-text"><span class="stage-name">${t('log.text')}</span>
        <svg class="density" viewBox=${`0 0 ${BINS} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${t('log.chunks-over-time', { count: chunks.length })}><path d=${densityPath(chunks, totalMs)} /></svg>
        <span class="stage-since">${count(chunks.length)}</span></li>`}
    </ol>
    <div class="stage-scale" aria-hidden="true"><span>${count(0)}</span><span>${duration(totalMs / 2)}</span><span>${running ? t('log.now') : duration(totalMs)}</span></div>
    <${Playhead} replaying=${replaying} percent=${percent} />
  </div>`;
}

/** Alone, so that only it is made anew while an answer is played. */
function Playhead({ replaying, percent }) {
  const replay = replaying.value;
  if (!replay) return null;
  return html`<div class="playhead" aria-hidden="true"><i style=${{ insetInlineStart: percent(replay.atMs.value) }} /></div>`;
}

function densityPath(chunks, totalMs) {
  const bins = densityOf(chunks, totalMs, BINS);
  const most = Math.max(...bins);
  return bins.map((size, at) => (size === 0 ? '' : `M${at} ${HEIGHT}V${(HEIGHT - Math.max(1.5, (size / most) * HEIGHT)).toFixed(2)}H${at + 0.85}V${HEIGHT}Z`)).join('');
}
