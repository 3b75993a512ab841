// Administration → Keys: those of a user, each of which can be revoked.

import { del, newKey } from '../api.js';
import { Confirm } from '../settings/confirming.js';
import { Choice, Field } from '../settings/fields.js';
import { Coming, NotRead } from '../settings/loading.js';
import { aboutKey, keyName } from '../settings/key_words.js';
import { html, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { More, useAll } from './reading.js';
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
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} />`;
  const revoke = async () => {
    await del(`/api/v1/admin/keys/${revoking.id}?${query}`, { key: newKey() });
    again();
  };
  const title = (key) => t('keys.revoke.title', { name: keyName(key) });
  return html`${found.rows.length === 0 ? html`<p class="nothing" role="status">${t('admin.keys.none')}</p>`
    : html`<ul class="entries" aria-label=${t('admin.keys')}>${found.rows.map((key) => html`<li key=${key.id} data-testid="admin-key" data-id=${key.id}><div class="entry"><bdi class="entry-name">${keyName(key)}</bdi><small>${aboutKey(key)}</small></div>
      ${!key.revoked && html`<button type="button" class="quiet danger" aria-label=${title(key)} data-testid="admin-key-revoke" onClick=${() => setRevoking(key)}>${t('keys.revoke')}</button>`}</li>`)}</ul>`}
    ${revoking && html`<${Confirm} title=${title(revoking)} text=${t('keys.revoke.text')} action=${t('keys.revoke')} act=${revoke} close=${() => setRevoking(null)} />`}`;
}
