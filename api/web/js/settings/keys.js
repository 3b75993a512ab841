// Settings → Keys: make one (it is shown once), see which there are, revoke one.

import { del, newKey, post } from '../api.js';
import { session } from '../state.js';
import { oneLine } from '../text.js';
import { copyText, html, Icon, useRef, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { Confirm } from './confirming.js';
import { Group } from './fields.js';
import { Coming, NotRead, useRead } from './loading.js';

const MAX_LABEL = 64;

export function Section() {
  const [found, error, again] = useRead('/api/v1/keys', 'keys');
  const [made, setMade] = useState(null);
  const [revoking, setRevoking] = useState(null);
  const active = (found?.data ?? []).filter(({ revoked }) => !revoked).reverse();
  const gone = (found?.data ?? []).filter(({ revoked }) => revoked).reverse();
  return html`<p class="hint">${t('keys.hint')}</p>
    <${Create} onMade=${(key) => { setMade(key); again(); }} />
    ${made && html`<${Made} key=${made.id} made=${made} onDone=${() => setMade(null)} />`}
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : html`
      <${Group}><ul class="entries" aria-label=${t('keys.list')}>${active.map((key) => html`<${Key} key=${key.id} of=${key} onRevoke=${() => setRevoking(key)} />`)}</ul></${Group}>
      ${gone.length > 0 && html`<details class="settings-group"><summary>${t('keys.revoked', { count: gone.length })}</summary>
        <ul class="entries">${gone.map((key) => html`<${Key} key=${key.id} of=${key} />`)}</ul></details>`}`}
    ${revoking && html`<${Confirm} title=${t('keys.revoke.title', { name: nameOf(revoking) })} text=${t(revoking.id === session.value?.keyId ? 'keys.revoke.own' : 'keys.revoke.text')}
      action=${t('keys.revoke')} act=${() => revoke(revoking, again)} close=${() => setRevoking(null)} />`}`;
}

const nameOf = ({ label, hint }) => oneLine(label ?? '') || `…${hint}`;
const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });

async function revoke({ id }, again) {
  await del(`/api/v1/keys/${id}`, { key: newKey() });
  if (id === session.value?.keyId) location.assign('/signin');
  else again();
}

function Create({ onMade }) {
  const field = useRef(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const create = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      onMade(await post('/api/v1/keys', { label: field.current.value.trim() }));
      field.current.value = '';
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
    ${error && html`<p class="form-error" role="alert">${error}</p>`}
  </form>`;
}

/** It leaves the page with this card: the server has only its hash. */
function Made({ made, onDone }) {
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
    <bdi class="entry-name">${nameOf(of)}</bdi>
    <small>${t('keys.about', { hint: of.hint, date: dates.format(new Date(of.createdAt)) })}${own && html` · <strong>${t('keys.own')}</strong>`}</small></div>
    ${onRevoke && html`<button type="button" class="quiet danger" aria-label=${t('keys.revoke.title', { name: nameOf(of) })} data-testid="key-revoke" onClick=${onRevoke}>${t('keys.revoke')}</button>`}</li>`;
}
