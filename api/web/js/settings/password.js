// Settings → Account: another password.

import { newKey, post } from '../api.js';
import { whoAmI } from '../signing.js';
import { html, useState } from '../ui/html.js';
import { t } from '../words.js';
import { Field, Group } from './fields.js';

const MAX_LENGTH = 1000;

/** `onChanged`: other sessions are over. */
export function Password({ onChanged }) {
  const [current, setCurrent] = useState('');
  const [fresh, setFresh] = useState('');
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState(null);
  const change = async (event) => {
    event.preventDefault();
    setBusy(true);
    setTold(null);
    try {
      await post('/api/v1/session/password', { ...(current && { current }), password: fresh }, { quiet401: true, key: newKey() });
      await whoAmI(); // this browser has another cookie: its streams of before are over
      setCurrent('');
      setFresh('');
      setTold({ good: true, text: t('password.changed') });
      onChanged();
    } catch (error) {
      setTold({ good: false, text: error.code === 'wrong_password' ? t('signin.wrong-password') : error.message });
    } finally {
      setBusy(false);
    }
  };
  const field = (id, value, set, complete) => html`<input id=${id} type="password" dir="ltr" maxlength=${MAX_LENGTH} autocomplete=${complete} value=${value} required=${id === 'password-fresh'}
    aria-describedby=${id === 'password-current' ? 'password-current-hint' : undefined} data-testid=${id} onInput=${(event) => set(event.target.value)} />`;
  return html`<${Group} title=${t('password.change')}><form onSubmit=${change}>
    <${Field} id="password-current" label=${t('password.current')} hint=${t('password.current.hint')}>${field('password-current', current, setCurrent, 'current-password')}</${Field}>
    <${Field} id="password-fresh" label=${t('password.fresh')}>${field('password-fresh', fresh, setFresh, 'new-password')}</${Field}>
    <div class="field-actions"><p class=${told && !told.good ? 'form-error' : 'hint'} role=${told && !told.good ? 'alert' : 'status'} data-testid="password-told">${told?.text}</p>
      <button type="submit" disabled=${busy || !fresh} data-testid="password-change">${t('password.change')}</button></div>
  </form></${Group}>`;
}
