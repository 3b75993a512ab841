// The sign-in card: alone, or over the page when a session has ended. What is below stays as it was.

import { signIn } from '../signing.js';
import { session, signInReason } from '../state.js';
import { html, useEffect, useRef, useState } from './html.js';

export function SignIn() {
  const dialog = useRef(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const wanted = session.value === null;
  useEffect(() => {
    if (wanted && !dialog.current.open) dialog.current.showModal();
    if (!wanted && dialog.current.open) dialog.current.close();
  }, [wanted]);
  const submit = async (event) => {
    event.preventDefault();
    const field = event.target.elements.key;
    const key = field.value.trim();
    if (!key) return;
    setBusy(true);
    setError('');
    try {
      await signIn(key);
      field.value = '';
    } catch (failure) {
      setError(failure.status === 401 ? 'This key is not valid. Check that all of it was pasted.' : failure.message);
      field.select();
    } finally {
      setBusy(false);
    }
  };
  const told = error || signInReason.value;
  return html`<dialog class="card signin" ref=${dialog} aria-labelledby="signin-title" onCancel=${(event) => event.preventDefault()}>
    <form onSubmit=${submit}>
      <div class="mark" aria-hidden="true">”</div>
      <h1 id="signin-title">Sign in to Verbatim</h1>
      <p class="muted">With an API key. It stays on the server’s side of a cookie that scripts cannot read.</p>
      <label for="signin-key">API key</label>
      <input id="signin-key" name="key" type="password" autocomplete="current-password" placeholder="vk_…" spellcheck="false" required aria-invalid=${Boolean(error)} aria-describedby="signin-told" data-testid="signin-key" />
      <p id="signin-told" class=${error ? 'form-error' : 'muted'} role="alert">${told}</p>
      <button class="primary wide" type="submit" disabled=${busy} data-testid="signin-submit">${busy ? 'Signing in…' : 'Sign in'}</button>
      <p class="muted small">No key at hand? <code>./verbatim key link</code> prints a link that signs this browser in.</p>
    </form>
  </dialog>`;
}
