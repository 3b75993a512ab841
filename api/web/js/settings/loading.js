// What a section reads from the server: while it comes, when it has come, when it did not.

import { get } from '../api.js';
import { concernsAll, onChange } from '../changes.js';
import { html, useEffect, useState } from '../ui/html.js';
import { t } from '../words.js';

/** [what the address gives or null, the error or null, a function that reads it again]. `kind`: of changes that change it. */
export function useRead(path, kind = null) {
  const [state, setState] = useState({ path: null, found: null, error: null });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    get(path, { signal: control.signal }).then(
      (found) => setState({ path, found, error: null }),
      (error) => control.signal.aborted || setState({ path, found: null, error }),
    );
    return () => control.abort();
  }, [path, tries]);
  useEffect(() => onChange((change) => (change.kind === kind || concernsAll(change)) && setTries((before) => before + 1)), [kind]);
  const known = state.path === path ? state : { found: null, error: null };
  return [known.found, known.error, () => setTries((before) => before + 1)];
}

export const NotRead = ({ error, again }) => html`<p class="settings-note" role="alert">${error.message} <button type="button" class="link" onClick=${again}>${t('settings.again')}</button></p>`;

export const Coming = () => html`<div class="skeleton" role="status" aria-label=${t('settings.loading')}><i /><i /></div>`;
