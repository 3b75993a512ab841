// What the sections of the administration share: whole lists, read page by page, and doing something with its error said.

import { get } from '../api.js';
import { html, useEffect, useState } from '../ui/html.js';
import { t } from '../words.js';

const PAGE = 100;
const MAX_PAGES = 50;

/** {rows, more}: all that an address lists, as far as MAX_PAGES pages. */
export async function readAll(path, options) {
  const rows = [];
  let cursor = '';
  for (let pages = 0; pages < MAX_PAGES && cursor !== null; pages += 1) {
    const query = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }) });
    const found = await get(`${path}${path.includes('?') ? '&' : '?'}${query}`, options);
    rows.push(...found.data);
    cursor = found.nextCursor ?? null;
  }
  return { rows, more: cursor !== null };
}

/** [{rows, more} or null, the error or null, a function that reads it again]. An empty `path` reads nothing. */
export function useAll(path) {
  const [state, setState] = useState({ path: null, found: null, error: null });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    if (path) {
      readAll(path, { signal: control.signal }).then(
        (found) => setState({ path, found, error: null }),
        (error) => control.signal.aborted || setState({ path, found: null, error }),
      );
    }
    return () => control.abort();
  }, [path, tries]);
  const known = state.path === path ? state : { found: null, error: null };
  return [known.found, known.error, () => setTries((before) => before + 1)];
}

/** [whether it is being done, a function that does it, what went wrong as an element or '']. */
export function useDoing() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const run = async (action) => {
    setBusy(true);
    setError('');
    try {
      await action();
    } catch (failure) {
      setError(failure.message);
    } finally {
      setBusy(false);
    }
  };
  return [busy, run, error && html`<p class="form-error" role="alert">${error}</p>`];
}

export const More = ({ found }) => found.more && html`<p class="hint" role="status">${t('admin.more')}</p>`;
