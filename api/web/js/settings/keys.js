// Settings → Keys: make one (it is shown once), see which there are, revoke one.

import { del, newKey, post } from '../api.js';
import { session } from '../state.js';
import { copyText, html, Icon, useRef, useState } from '../ui/html.js';
import { t } from '../words.js';
import { Confirm } from './confirming.js';
import { Choice, Field, Group } from './fields.js';
import { LimitFields, limitsOf, textsOf } from './key_limits.js';
import { aboutKey, keyName, scopeOf, SCOPES } from './key_words.js';
import { Coming, NotRead, useRead } from './loading.js';

const MAX_LABEL = 64;
const DAY_MS = 86_400_000;
const ENDS_DAYS = [7, 30, 90, 365];

export function Section() {
  const [found, error, again] = useRead('/api/v1/keys', 'keys');
  const [made, setMade] = useState(null);
  const [revoking, setRevoking] = useState(null);
  const active = (found?.data ?? []).filter(({ revoked }) => !revoked).reverse();
  const gone = (found?.data ?? []).filter(({ revoked }) => revoked).reverse();
  return html`<p class="hint">${t('keys.hint')}</p>
    <${Create} make=${(body) => post('/api/v1/keys', body)} onMade=${(key) => { setMade(key); again(); }} />
    ${made && html`<${Made} key=${made.id} made=${made} onDone=${() => setMade(null)} />`}
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : html`
      <${Group}><ul class="entries" aria-label=${t('keys.list')}>${active.map((key) => html`<${Key} key=${key.id} of=${key} onRevoke=${() => setRevoking(key)} />`)}</ul></${Group}>
      ${gone.length > 0 && html`<details class="settings-group"><summary>${t('keys.revoked', { count: gone.length })}</summary>
        <ul class="entries">${gone.map((key) => html`<${Key} key=${key.id} of=${key} />`)}</ul></details>`}`}
    ${revoking && html`<${Confirm} title=${t('keys.revoke.title', { name: keyName(revoking) })} text=${t(revoking.id === session.value?.keyId ? 'keys.revoke.own' : 'keys.revoke.text')}
      action=${t('keys.revoke')} act=${() => revoke(revoking, again)} close=${() => setRevoking(null)} />`}`;
}

async function revoke({ id }, again) {
  await del(`/api/v1/keys/${id}`, { key: newKey() });
  if (id === session.value?.keyId) location.assign('/signin');
  else again();
}

/** `make`: sends {label, scopes?, expires_at?, limits?}, and returns the new key with its secret. */
export function Create({ make, onMade }) {
  const field = useRef(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const [scopes, setScopes] = useState([]);
  const [days, setDays] = useState('');
  const [texts, setTexts] = useState(textsOf(null));
  const create = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      const end = days && { expires_at: new Date(Date.now() + Number(days) * DAY_MS).toISOString() };
      const limits = limitsOf(texts);
      onMade(await make({ label: field.current.value.trim(), ...(scopes.length > 0 && { scopes }), ...end, ...(limits && { limits }) }));
      field.current.value = '';
      setScopes([]);
      setDays('');
      setTexts(textsOf(null));
    } catch (failure) {
      setError(failure.message);
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="create" onSubmit=${create}>
    <label for="key-label">${t('keys.label')}</label>
    <div><input id="key-label" ref=${field} maxlength=${MAX_LABEL} dir="auto" autocomplete="off" placeholder=${t('keys.label.example')} data-testid="key-label" />
      <button type="submit" class="primary" disabled=${busy} data-testid="key-create">${t('keys.create')}</button></div>
    <details><summary data-testid="key-more">${t('keys.more')}</summary>
      <fieldset class="field"><legend class="visually-hidden">${t('keys.scopes')}</legend><span class="field-name" aria-hidden="true">${t('keys.scopes')}<p class="hint">${t('keys.scopes.hint')}</p></span>
        <div class="roles">${SCOPES.map((scope) => html`<label key=${scope}><input type="checkbox" checked=${scopes.includes(scope)} data-testid=${`scope-${scope}`}
          onChange=${({ target }) => setScopes(target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} /> ${scopeOf(scope)}</label>`)}</div></fieldset>
      <${Field} id="key-end" label=${t('keys.end')}><${Choice} id="key-end" value=${days} options=${[['', t('keys.end.never')], ...ENDS_DAYS.map((each) => [String(each), t('keys.end.in', { count: each })])]} onChoose=${setDays} /></${Field}>
      <${LimitFields} id="key" texts=${texts} change=${(key, text) => setTexts({ ...texts, [key]: text })} /></details>
    ${error && html`<p class="form-error" role="alert">${error}</p>`}
  </form>`;
}

/** It leaves the page with this card: the server has only its hash. */
export function Made({ made, onDone }) {
  const [copied, setCopied] = useState(false);
  return html`<section class="made" role="status" data-testid="key-made">
    <p><strong>${t('keys.made')}</strong> ${t('keys.made.once')}</p>
    <div><code data-testid="key-secret">${made.key}</code>
      <button type="button" data-testid="key-copy" onClick=${async () => setCopied(await copyText(made.key))}><${Icon} name=${copied ? 'check' : 'copy'} />${t(copied ? 'keys.copied' : 'keys.copy')}</button>
      <button type="button" data-testid="key-done" onClick=${onDone}>${t('settings.done')}</button></div>
  </section>`;
}

function Key({ of, onRevoke }) {
  const own = of.id === session.value?.keyId;
  return html`<li data-testid="key" data-id=${of.id}><div class="entry">
    <bdi class="entry-name">${keyName(of)}</bdi>
    <small>${aboutKey({ ...of, revoked: false })}${own && html` · <strong>${t('keys.own')}</strong>`}</small></div>
    ${onRevoke && html`<button type="button" class="quiet danger" aria-label=${t('keys.revoke.title', { name: keyName(of) })} data-testid="key-revoke" onClick=${onRevoke}>${t('keys.revoke')}</button>`}</li>`;
}
