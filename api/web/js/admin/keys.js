// Administration → Keys: those of a user: seen, made (shown once), limited, revoked.

import { del, newKey, patch, post } from '../api.js';
import { Confirm } from '../settings/confirming.js';
import { Choice, Field } from '../settings/fields.js';
import { Coming, NotRead } from '../settings/loading.js';
import { LimitFields, limitsOf, textsOf } from '../settings/key_limits.js';
import { aboutKey, keyName } from '../settings/key_words.js';
import { Create, Made } from '../settings/keys.js';
import { settleFocus } from '../ui/focus.js';
import { html, useLayoutEffect, useRef, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { More, useAll, useDoing } from './reading.js';
import { nameOf } from './users.js';

export function Section() {
  const [users, error, again] = useAll('/api/v1/admin/users');
  const [userId, setUserId] = useState('');
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!users) return html`<${Coming} />`;
  const sorted = [...users.rows].sort((one, other) => nameOf(one).localeCompare(nameOf(other), language));
  return html`<${More} found=${users} /><${Field} id="keys-of" label=${t('admin.keys.of')}><${Choice} id="keys-of" value=${userId} options=${[['', t('admin.choose')], ...sorted.map((user) => [user.id, nameOf(user)])]} onChoose=${setUserId} /></${Field}>
    ${userId && html`<${KeysOf} key=${userId} userId=${userId} />`}`;
}

function KeysOf({ userId }) {
  const query = new URLSearchParams({ user_id: userId });
  const [found, error, again] = useAll(`/api/v1/admin/keys?${query}`);
  const [revoking, setRevoking] = useState(null);
  const [made, setMade] = useState(null);
  const [limiting, setLimiting] = useState(null);
  const revoke = async () => {
    await del(`/api/v1/admin/keys/${revoking.id}?${query}`, { key: newKey() });
    again();
  };
  const limited = ({ id }) => {
    setLimiting(null);
    settleFocus(`[data-testid=admin-key][data-id="${CSS.escape(id)}"] [data-testid=admin-key-limit]`);
  };
  const limit = async (key, limits) => {
    await patch(`/api/v1/admin/keys/${key.id}?${query}`, { limits: limits ?? {} }, { key: newKey() });
    limited(key);
    again();
  };
  const make = (body) => post('/api/v1/admin/keys', { ...body, user_id: userId });
  return html`<${Create} make=${make} onMade=${(key) => { setMade(key); again(); }} />
    ${made && html`<${Made} key=${made.id} made=${made} onDone=${() => setMade(null)} />`}
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : html`<${Listed} rows=${found.rows} onRevoke=${setRevoking} limiting=${limiting} onLimit=${setLimiting} onLimited=${limit} onLeft=${limited} />`}
    ${revoking && html`<${Confirm} title=${titleOf(revoking)} text=${t('keys.revoke.text')} action=${t('keys.revoke')} act=${revoke} close=${() => setRevoking(null)} />`}`;
}

const titleOf = (key) => t('keys.revoke.title', { name: keyName(key) });

function Listed({ rows, onRevoke, limiting, onLimit, onLimited, onLeft }) {
  if (rows.length === 0) return html`<p class="nothing" role="status">${t('admin.keys.none')}</p>`;
  return html`<ul class="entries" aria-label=${t('admin.keys')}>${rows.map((key) => html`<li key=${key.id} data-testid="admin-key" data-id=${key.id}>${limiting === key.id ? html`<${Limits} of=${key} save=${(limits) => onLimited(key, limits)} close=${() => onLeft(key)} />` : html`<div class="entry"><bdi class="entry-name">${keyName(key)}</bdi><small>${aboutKey(key)}</small></div>
    ${!key.revoked && html`<button type="button" class="quiet" aria-label=${t('keys.limits.of', { name: keyName(key) })} data-testid="admin-key-limit" onClick=${() => onLimit(key.id)}>${t('keys.limits.set')}</button>
    <button type="button" class="quiet danger" aria-label=${titleOf(key)} data-testid="admin-key-revoke" onClick=${() => onRevoke(key)}>${t('keys.revoke')}</button>`}`}</li>`)}</ul>`;
}

function Limits({ of, save, close }) {
  const form = useRef(null);
  const [texts, setTexts] = useState(textsOf(of.limits));
  const [busy, run, problem] = useDoing();
  useLayoutEffect(() => {
    form.current.querySelector('input').focus();
  }, []);
  const submit = (event) => {
    event.preventDefault();
    run(() => save(limitsOf(texts)));
  };
  return html`<form class="limits-form" ref=${form} aria-label=${t('keys.limits.of', { name: keyName(of) })} data-testid="key-limits" onSubmit=${submit} onKeyDown=${(event) => event.key === 'Escape' && close()}>
    <bdi class="entry-name">${keyName(of)}</bdi>
    <${LimitFields} id=${`limits-${of.id}`} texts=${texts} change=${(key, text) => setTexts({ ...texts, [key]: text })} />${problem}
    <div class="field-actions"><button type="button" onClick=${close}>${t('settings.cancel')}</button><button type="submit" class="primary" disabled=${busy} data-testid="key-limits-save">${t('settings.save')}</button></div></form>`;
}
