// Administration → Users: who there is, what they are, and who is suspended.

import { newKey, patch, post } from '../api.js';
import { Confirm } from '../settings/confirming.js';
import { Choice, Field } from '../settings/fields.js';
import { Coming, NotRead, useRead } from '../settings/loading.js';
import { session, toast } from '../state.js';
import { oneLine } from '../text.js';
import { html, useState } from '../ui/html.js';
import { language, t, tOr } from '../words.js';
import { Once } from './once.js';
import { More, useAll, useDoing } from './reading.js';

export const ROLES = ['member', 'reviewer', 'auditor', 'admin'];
export const roleOf = (role) => tOr(`admin.role.${role}`, oneLine(role));
const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
export const nameOf = ({ name, id }) => oneLine(name ?? '') || id;

export function Section() {
  const [found, error, again] = useAll('/api/v1/admin/users');
  const [tiers] = useRead('/api/v1/admin/tiers');
  const [wanted, setWanted] = useState('');
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} />`;
  const words = wanted.trim().toLocaleLowerCase();
  const shown = found.rows.filter(({ id, name, email }) => [id, name, email ?? ''].some((text) => text.toLocaleLowerCase().includes(words)))
    .sort((one, other) => nameOf(one).localeCompare(nameOf(other), language));
  return html`<${Create} onMade=${again} />
    <${Field} id="user-search" label=${t('admin.users.search')}><input id="user-search" type="search" maxlength="200" value=${wanted} data-testid="user-search" onInput=${(event) => setWanted(event.target.value)} /></${Field}>
    <${More} found=${found} />
    ${shown.length === 0 ? html`<p class="nothing" role="status" data-testid="users-none">${t('admin.users.none')}</p>`
      : html`<ul class="entries" aria-label=${t('admin.users')}>${shown.map((user) => html`<${User} key=${user.id} user=${user} tiers=${(tiers?.data ?? []).map(({ id }) => id)} again=${again} />`)}</ul>`}`;
}

function Create({ onMade }) {
  const [name, setName] = useState('');
  const [busy, run, problem] = useDoing();
  const create = (event) => {
    event.preventDefault();
    run(async () => {
      await post('/api/v1/admin/users', { name: name.trim() }, { key: newKey() });
      setName('');
      onMade();
    });
  };
  return html`<form class="create" onSubmit=${create}><label for="user-name">${t('admin.users.name')}</label>
    <div><input id="user-name" maxlength="64" autocomplete="off" value=${name} data-testid="user-name" onInput=${(event) => setName(event.target.value)} />
      <button type="submit" class="primary" disabled=${busy || !name.trim()} data-testid="user-create">${t('keys.create')}</button></div>${problem}</form>`;
}

function User({ user, tiers, again }) {
  const said = [t('account.tier'), user.tier].join(' ');
  return html`<li data-testid="user" data-id=${user.id}><details class="entry"><summary><bdi class="entry-name">${nameOf(user)}</bdi>
      <small>${user.roles.map(roleOf).join(', ')} · <bdi>${said}</bdi>${user.suspended && html` · <strong>${t('admin.suspended')}</strong>`}</small></summary>
    <${Editing} user=${user} tiers=${tiers} again=${again} /></details></li>`;
}

function Editing({ user, tiers, again }) {
  const [busy, run, problem] = useDoing();
  const [suspending, setSuspending] = useState(false);
  const [link, setLink] = useState(null);
  const path = `/api/v1/admin/users/${user.id}`;
  const own = user.id === session.value?.userId;
  const send = async (changes) => {
    await patch(path, changes, { key: newKey() });
    again();
  };
  const undoable = (changes, before) => run(async () => {
    await send(changes);
    toast(t('admin.changed', { name: nameOf(user) }), { label: t('left.undo'), run: () => send(before).catch((error) => toast(error.message)) });
  });
  const turn = (role, on) => undoable({ roles: on ? [...user.roles, role] : user.roles.filter((each) => each !== role) }, { roles: user.roles });
  const tierId = `tier-${user.id}`;
  return html`<p class="hint"><code>${user.id}</code>${user.email && html` · <bdi>${oneLine(user.email)}</bdi>`} · ${dates.format(new Date(user.createdAt))}</p>
    ${problem}
    <fieldset class="field" disabled=${busy}><legend class="visually-hidden">${t('admin.roles')}</legend><span class="field-name" aria-hidden="true">${t('admin.roles')}</span>
      <div class="roles">${ROLES.map((role) => html`<label key=${role}><input type="checkbox" checked=${user.roles.includes(role)} disabled=${(own && role === 'admin') || (user.roles.length === 1 && user.roles[0] === role)}
        data-testid=${`role-${role}`} onChange=${(event) => turn(role, event.target.checked)} /> ${roleOf(role)}</label>`)}</div></fieldset>
    <${Field} id=${tierId} label=${t('account.tier')}><${Choice} id=${tierId} value=${user.ownTier ?? ''} options=${[['', t('admin.tier.inherited')], ...tiers.map((each) => [each, oneLine(each)])]}
      onChoose=${(tier) => undoable({ tier }, { tier: user.ownTier ?? '' })} /></${Field}>
    <div class="field-actions">
      <button type="button" disabled=${busy} data-testid="user-reset" onClick=${() => run(async () => setLink(await post(`${path}/reset`, {}, { key: newKey() })))}>${t('admin.reset')}</button>
      ${user.suspended ? html`<button type="button" disabled=${busy} data-testid="user-restore" onClick=${() => run(() => send({ suspended: false }))}>${t('admin.restore')}</button>`
        : !own && html`<button type="button" class="danger" data-testid="user-suspend" onClick=${() => setSuspending(true)}>${t('admin.suspend')}</button>`}</div>
    ${link && html`<${Once} key=${link.id} title=${t('admin.reset.made')} text=${link.address} onDone=${() => setLink(null)} />`}
    ${suspending && html`<${Confirm} title=${t('admin.suspend.title', { name: nameOf(user) })} text=${t('admin.suspend.text')} action=${t('admin.suspend')} act=${() => send({ suspended: true })} close=${() => setSuspending(false)} />`}`;
}
