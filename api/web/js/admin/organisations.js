// Administration → Organisations: which there are, what they are called, and who belongs to them.

import { del, newKey, patch, post, put } from '../api.js';
import { Confirm } from '../settings/confirming.js';
import { Choice, Field } from '../settings/fields.js';
import { Coming, NotRead, useRead } from '../settings/loading.js';
import { oneLine } from '../text.js';
import { html, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { More, useAll, useDoing } from './reading.js';
import { nameOf, roleOf, ROLES } from './users.js';

export function Section() {
  const [found, error, again] = useAll('/api/v1/admin/organisations');
  const [users] = useAll('/api/v1/admin/users');
  const [tiers] = useRead('/api/v1/admin/tiers');
  const [name, setName] = useState('');
  const [busy, run, problem] = useDoing();
  const create = (event) => {
    event.preventDefault();
    run(async () => {
      await post('/api/v1/admin/organisations', { name: name.trim() }, { key: newKey() });
      setName('');
      again();
    });
  };
  return html`<form class="create" onSubmit=${create}><label for="organisation-name">${t('admin.organisations.name')}</label>
      <div><input id="organisation-name" maxlength="64" dir="auto" autocomplete="off" value=${name} data-testid="organisation-name" onInput=${(event) => setName(event.target.value)} />
        <button type="submit" class="primary" disabled=${busy || !name.trim()} data-testid="organisation-create">${t('keys.create')}</button></div>${problem}</form>
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : found.rows.length === 0
      ? html`<p class="nothing" role="status" data-testid="organisations-none">${t('admin.organisations.none')}</p>`
      : html`<${More} found=${found} /><ul class="entries" aria-label=${t('admin.organisations')}>${[...found.rows].sort((one, other) => nameOf(one).localeCompare(nameOf(other), language)).map((each) => html`<${Organisation}
          key=${each.id} of=${each} users=${users?.rows ?? []} tiers=${(tiers?.data ?? []).map(({ id }) => id)} again=${again} />`)}</ul>`}`;
}

function Organisation({ of, users, tiers, again }) {
  const [open, setOpen] = useState(false);
  return html`<li data-testid="organisation" data-id=${of.id}><details class="entry" onToggle=${(event) => setOpen(event.currentTarget.open)}><summary><bdi class="entry-name">${nameOf(of)}</bdi>
    <small>${t('account.tier')} <bdi>${of.tier ?? t('admin.tier.default')}</bdi></small></summary>${open && html`<${Editing} of=${of} tiers=${tiers} again=${again} /><${Members} of=${of} users=${users} />`}</details></li>`;
}

function Editing({ of, tiers, again }) {
  const [name, setName] = useState(of.name);
  const [busy, run, problem] = useDoing();
  const send = (changes) => run(async () => {
    await patch(`/api/v1/admin/organisations/${of.id}`, changes, { key: newKey() });
    again();
  });
  const rename = (event) => {
    event.preventDefault();
    send({ name: name.trim() });
  };
  const [nameId, tierId] = [`name-${of.id}`, `tier-${of.id}`];
  return html`${problem}<form onSubmit=${rename}><${Field} id=${nameId} label=${t('rename.name')}><input id=${nameId} maxlength="64" dir="auto" value=${name} data-testid="organisation-rename" onInput=${(event) => setName(event.target.value)} />
      <button type="submit" disabled=${busy || !name.trim() || name.trim() === of.name} data-testid="organisation-save">${t('row.rename')}</button></${Field}></form>
    <${Field} id=${tierId} label=${t('account.tier')}><${Choice} id=${tierId} value=${of.tier ?? ''} options=${[['', t('admin.tier.default')], ...tiers.map((each) => [each, oneLine(each)])]} onChoose=${(tier) => send({ tier })} /></${Field}>`;
}

function Members({ of, users }) {
  const path = `/api/v1/admin/organisations/${of.id}/members`;
  const [found, error, again] = useAll(path);
  const [added, setAdded] = useState('');
  const [removing, setRemoving] = useState(null);
  const [busy, run, problem] = useDoing();
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} />`;
  const set = (userId, role) => run(async () => {
    await put(`${path}/${userId}`, { role }, { key: newKey() });
    setAdded('');
    again();
  });
  const remove = async () => {
    await del(`${path}/${removing.userId}`, { key: newKey() });
    again();
  };
  const others = users.filter(({ id }) => !found.rows.some(({ userId }) => userId === id));
  const addId = `add-${of.id}`;
  return html`<h3>${t('admin.members')}</h3>${problem}<${More} found=${found} />
    ${found.rows.length === 0 ? html`<p class="hint" role="status">${t('admin.members.none')}</p>`
      : html`<ul class="entries" aria-label=${t('admin.members')}>${found.rows.map((each) => html`<${Member} key=${each.userId} of=${each} busy=${busy} onRole=${(role) => set(each.userId, role)} onRemove=${() => setRemoving(each)} />`)}</ul>`}
    <${Field} id=${addId} label=${t('admin.member.add')} hint=${t('admin.member.add.hint')}><${Choice} id=${addId} hint value=${added} options=${[['', t('admin.choose')], ...others.map((user) => [user.id, nameOf(user)])]} onChoose=${setAdded} />
      <button type="button" disabled=${busy || !added} data-testid="member-add" onClick=${() => set(added, 'member')}>${t('admin.member.add.do')}</button></${Field}>
    ${removing && html`<${Confirm} title=${t('admin.member.remove.title', { name: memberName(removing) })} text=${t('admin.member.remove.text')} action=${t('admin.member.remove')} act=${remove} close=${() => setRemoving(null)} />`}`;
}

const memberName = ({ userName, userId }) => nameOf({ name: userName, id: userId });

function Member({ of, busy, onRole, onRemove }) {
  const name = memberName(of);
  return html`<li data-testid="member" data-id=${of.userId}><bdi class="entry">${name}</bdi>
    <select aria-label=${`${t('account.role')}: ${name}`} disabled=${busy} value=${of.role} data-testid="member-role" onChange=${(event) => onRole(event.target.value)}>${ROLES.map((role) => html`<option key=${role} value=${role} selected=${role === of.role}>${roleOf(role)}</option>`)}</select>
    <button type="button" class="quiet danger" aria-label=${t('admin.member.remove.title', { name })} data-testid="member-remove" onClick=${onRemove}>${t('admin.member.remove')}</button></li>`;
}
