// The figures of the installation as they come, and those of the last minutes. Kept while one is elsewhere on the page.

import { batch, signal } from '../../vendor/signals.mjs';
import { whileSeen } from '../log/seen.js';
import { openStream } from '../sse.js';

const KEPT_S = 600;
const GAP_S = 5;

/** The newest figures; null before the first. */
export const newest = signal(null);
/** 'connecting', 'open', 'reconnecting' or 'failed' with `linkError`. */
export const link = signal('connecting');
export const linkError = signal(null);
/** One row a second, oldest first: [s since 1970, tokensPerS, promptsPerS, ttft p50, ttft p99, running, queued, lag]. */
export const history = [];

/** Follows until the returned function is called. */
export const follow = () => whileSeen(stream);

function stream() {
  const opened = openStream({
    url: '/api/v1/pulse/stream',
    onEvent: ({ event, data }) => event === 'pulse' && take(data),
    onState: (state, error) => batch(() => {
      link.value = state;
      linkError.value = error ?? null;
    }),
  });
  return () => opened.close();
}

export function take(figures) {
  const at = Date.parse(figures.at) / 1000;
  const last = history.at(-1)?.[0];
  if (last !== undefined && at <= last) return;
  // Where nothing was heard nothing is drawn.
  if (last !== undefined && at - last > GAP_S) history.push([last + 1, ...new Array(7).fill(null)]);
  const { tokensPerS, promptsPerS, ttftMs, running, queued } = figures;
  history.push([at, tokensPerS, promptsPerS, ttftMs.p50, ttftMs.p99, running, queued, totalLag(figures)]);
  while (history[0][0] < at - KEPT_S) history.shift();
  newest.value = figures;
}

export const totalLag = ({ groups }) => groups.reduce((sum, { lag }) => sum + lag, 0);

/** The columns of the last `seconds`, as a chart takes them: times, then one list for each column asked for. */
export function columns(wanted, seconds) {
  const from = (history.at(-1)?.[0] ?? 0) - seconds;
  const rows = history.filter(([at]) => at >= from);
  return [rows.map(([at]) => at), ...wanted.map((column) => rows.map((row) => row[column]))];
}
