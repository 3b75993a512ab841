// Where a key is given, and where it comes from.

import { signIn } from '../signing.js';
import { signInReason } from '../state.js';
import { t, tt } from '../words.js';
import { html, useLayoutEffect, useRef, useState } from './html.js';
import { failedThere, Ways } from './signin_ways.js';

export function SignInForm({ alone = false }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const field = useRef(null);
  useLayoutEffect(() => field.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    if (!key) return;
    setBusy(true);
    setError('');
    try {
      await signIn({ key });
    } catch (failure) {
      setError(failure.status === 401 ? t('signin.wrong') : failure.message);
      setBusy(false);
      field.current?.select();
    }
  };
  const told = error || failedThere || signInReason.value;
  return html`<form onSubmit=${submit}>
    <div class="mark" aria-hidden="true">”</div>
    <h1 id="signin-title">${t('signin.title')}</h1>
    ${alone && html`<p class="muted">${t('signin.about')}</p>`}
    <label for="signin-key">${t('signin.key')}</label>
    <input ref=${field} id="signin-key" name="key" type="password" autocomplete="current-password" placeholder="vk_…" spellcheck=${false} required aria-invalid=${Boolean(error)} aria-describedby="signin-told" data-testid="signin-key" />
    <p id="signin-told" data-testid="signin-told" class=${error ? 'form-error' : 'muted'} role="alert">${told}</p>
    <button class="primary wide" type="submit" disabled=${busy} data-testid="signin-submit">${t(busy ? 'signin.busy' : 'signin.submit')}</button>
  </form>
  <${Ways} />
  <div class="signin-help"><h2>${t('signin.no-key')}</h2>
      <p>${t('signin.ask')}</p>
      <p>${tt('signin.yours', { link: html`<code>./verbatim key link</code>`, create: html`<code>./verbatim key create</code>` })}</p></div>`;
}
