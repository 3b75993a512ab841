// What changes for the user, in any tab and on any device, for whoever wants to hear of it. It comes from ./following/.

const listeners = new Set();

/**
 * `listener(change)`: a change as GET /api/v1/changes tells it, or {kind: 'reset'} where things may have changed that
 * were not told: read again what is shown. A read that follows shows the change. Returns what ends it.
 */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function tellChange(change) {
  for (const listener of listeners) listener(change);
}
