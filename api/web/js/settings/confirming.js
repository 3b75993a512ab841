// A question before what cannot be taken back.

import { html, useLayoutEffect, useRef, useState } from '../ui/html.js';
import { t } from '../words.js';

/** Asks in a dialog; `act` does it and may raise, `close` is called when it is done or left. */
export function Confirm({ title, text, action, act, close }) {
  const element = useRef(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  useLayoutEffect(() => {
    element.current.showModal();
  }, []);
  const run = async () => {
    setBusy(true);
    try {
      await act();
      element.current?.close();
    } catch (failure) {
      setError(failure.message);
      setBusy(false);
    }
  };
  return html`<dialog class="card" ref=${element} aria-labelledby="confirm-title" onClose=${close} onClick=${(event) => event.target === element.current && element.current.close()}>
    <h2 id="confirm-title">${title}</h2><p>${text}</p>
    ${error && html`<p class="form-error" role="alert">${error}</p>`}
    <div class="dialog-actions"><button type="button" onClick=${() => element.current.close()}>${t('settings.cancel')}</button>
      <button type="button" class="primary danger" disabled=${busy} data-testid="confirm" onClick=${run}>${action}</button></div>
  </dialog>`;
}
