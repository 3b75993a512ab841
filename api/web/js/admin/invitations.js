// Administration → Invitations: one-time links by which persons come in, or choose a new password.

import { del, newKey, post } from '../api.js';
import { Confirm } from '../settings/confirming.js';
import { Choice, Field } from '../settings/fields.js';
import { Coming, NotRead, useRead } from '../settings/loading.js';
import { oneLine } from '../text.js';
import { html, useState } from '../ui/html.js';
import { language, t, tOr } from '../words.js';
import { Once } from './once.js';
import { useAll, useDoing } from './reading.js';
import { roleOf, ROLES } from './users.js';

const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });

export function Section() {
  const [found, error, again] = useRead('/api/v1/admin/invitations');
  const [users] = useAll('/api/v1/admin/users');
  const [made, setMade] = useState(null);
  const [ending, setEnding] = useState(null);
  const names = new Map((users?.rows ?? []).map(({ id, name }) => [id, name]));
  const takeBack = async () => {
    await del(`/api/v1/admin/invitations/${ending.id}`, { key: newKey() });
    again();
  };
  return html`<${Invite} onMade=${(link) => { setMade(link); again(); }} />
    ${made && html`<${Once} key=${made.id} title=${t('admin.invited')} text=${made.address} onDone=${() => setMade(null)} />`}
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : found.data.length === 0
      ? html`<p class="nothing" role="status" data-testid="links-none">${t('admin.links.none')}</p>`
      : html`<ul class="entries" aria-label=${t('admin.invitations')}>${found.data.map((link) => html`<${Link} key=${link.id} of=${link} name=${oneLine(link.name ?? names.get(link.userId) ?? '')} onEnd=${() => setEnding(link)} />`)}</ul>`}
    ${ending && html`<${Confirm} title=${t('admin.link.end.title')} text=${t('admin.link.end.text')} action=${t('admin.link.end')} act=${takeBack} close=${() => setEnding(null)} />`}`;
}

function Invite({ onMade }) {
  const [tiers] = useRead('/api/v1/admin/tiers');
  const [organisations] = useAll('/api/v1/admin/organisations');
  const [name, setName] = useState('');
  const [role, setRole] = useState('member');
  const [tier, setTier] = useState('');
  const [organisationId, setOrganisationId] = useState('');
  const [busy, run, problem] = useDoing();
  const invite = (event) => {
    event.preventDefault();
    run(async () => {
      onMade(await post('/api/v1/admin/invitations', { name: name.trim(), roles: [role], ...(tier && { tier }), ...(organisationId && { organisation_id: organisationId, organisation_role: 'member' }) }, { key: newKey() }));
      setName('');
    });
  };
  return html`<form onSubmit=${invite}><p class="hint">${t('admin.invite.hint')}</p>
    <${Field} id="invite-name" label=${t('admin.invite.name')} hint=${t('admin.invite.name.hint')}><input id="invite-name" maxlength="64" autocomplete="off" aria-describedby="invite-name-hint" value=${name} data-testid="invite-name" onInput=${(event) => setName(event.target.value)} /></${Field}>
    <${Field} id="invite-role" label=${t('account.role')}><${Choice} id="invite-role" value=${role} options=${ROLES.map((each) => [each, roleOf(each)])} onChoose=${setRole} /></${Field}>
    <${Field} id="invite-tier" label=${t('account.tier')}><${Choice} id="invite-tier" value=${tier} options=${[['', t('admin.tier.inherited')], ...(tiers?.data ?? []).map(({ id }) => [id, oneLine(id)])]} onChoose=${setTier} /></${Field}>
    ${organisations?.rows.length > 0 && html`<${Field} id="invite-organisation" label=${t('account.organisation')}><${Choice} id="invite-organisation" value=${organisationId}
      options=${[['', t('admin.organisation.none')], ...organisations.rows.map(({ id, name: each }) => [id, oneLine(each)])]} onChoose=${setOrganisationId} /></${Field}>`}
    ${problem}<div class="field-actions"><button type="submit" class="primary" disabled=${busy} data-testid="invite">${t('admin.invite')}</button></div></form>`;
}

function Link({ of, name, onEnd }) {
  const kind = t(of.kind === 'reset' ? 'admin.link.reset' : 'admin.link.invitation');
  return html`<li data-testid="link" data-id=${of.id} data-state=${of.state}><div class="entry"><span class="entry-name">${kind}${name && html` · <bdi>${name}</bdi>`}</span>
      <small>${tOr(`admin.link.${of.state}`, oneLine(of.state), { until: dates.format(new Date(of.expiresAt)) })}</small></div>
    ${of.state === 'good' && html`<button type="button" class="quiet danger" data-testid="link-end" aria-label=${`${t('admin.link.end')}: ${name || kind}`} onClick=${onEnd}>${t('admin.link.end')}</button>`}</li>`;
}
