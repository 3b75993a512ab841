// What changes for the user, in any tab and on any device, for whoever wants to hear of it. It comes from ./following/.

const listeners = new Set();

/**
 * `listener(change)`: a change as GET /api/v1/changes tells it; {kind: 'reset'} where things may have changed that were
 * not told; {kind: 'behind'} where an answer said that it lacks the newest. A read that follows shows the change.
 * Returns what ends it.
 */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether what is shown is to be read again, whatever it is. */
export const concernsAll = ({ kind }) => kind === 'reset' || kind === 'behind';

export function tellChange(change) {
  for (const listener of listeners) listener(change);
}

const SHORTEST_MS = 1000;
const LONGEST_MS = 30_000;
let timer = 0;
let pauseMs = SHORTEST_MS;
let toldAt = 0;

/** An answer may lack the newest. What is shown is read again in a moment, until all of it is there. */
export function noteBehind() {
  if (timer) return;
  if (Date.now() - toldAt > 2 * LONGEST_MS) pauseMs = SHORTEST_MS;
  timer = setTimeout(() => {
    timer = 0;
    toldAt = Date.now();
    tellChange({ kind: 'behind' });
  }, pauseMs);
  pauseMs = Math.min(LONGEST_MS, pauseMs * 2);
}
