// Settings → Account: who is signed in and where, their password, and signing out, here or everywhere.

import { signOut } from '../signing.js';
import { session, toast } from '../state.js';
import { oneLine } from '../text.js';
import { html, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { follow } from '../ui/row.js';
import { Confirm } from './confirming.js';
import { Group } from './fields.js';
import { Password } from './password.js';
import { Sessions } from './sessions.js';

const dates = new Intl.DateTimeFormat(language, { dateStyle: 'long' });

export function Section() {
  const who = session.value;
  const [asking, setAsking] = useState(false);
  const [changes, setChanges] = useState(0);
  return html`<${Group}>
      <dl class="about">
        <div><dt>${t('account.name')}</dt><dd><bdi>${oneLine(who?.userName ?? '') || '–'}</bdi></dd></div>
        <div><dt>${t('account.id')}</dt><dd><code>${who?.userId}</code></dd></div>
        ${who?.expiresAt && html`<div><dt>${t('account.until')}</dt><dd>${dates.format(new Date(who.expiresAt))}</dd></div>`}
        ${who?.operator && html`<div><dt>${t('account.role')}</dt><dd>${t('account.operator')}</dd></div>`}
        ${who?.tier && html`<div><dt>${t('account.tier')}</dt><dd><bdi>${oneLine(who.tier)}</bdi></dd></div>`}
        ${who?.organisation && html`<div><dt>${t('account.organisation')}</dt><dd><bdi>${oneLine(who.organisation.name ?? who.organisation.id)}</bdi></dd></div>`}
      </dl>
      ${who?.roles?.includes('admin') && html`<p><a href="/admin" data-testid="admin-link" onClick=${(event) => follow(event, '/admin')}>${t('account.admin')}</a></p>`}
    </${Group}>
    <${Sessions} key=${changes} />
    <${Password} onChanged=${() => setChanges(changes + 1)} />
    <${Group} title=${t('account.leave')}>
      <div class="field"><div class="field-name">${t('account.out')}<p class="hint">${t('account.out.hint')}</p></div>
        <button type="button" data-testid="sign-out-here" onClick=${() => signOut().catch((error) => toast(error.message))}>${t('account.out')}</button></div>
      <div class="field"><div class="field-name">${t('account.everywhere')}<p class="hint">${t('account.everywhere.hint')}</p></div>
        <button type="button" class="danger" data-testid="sign-out-everywhere" onClick=${() => setAsking(true)}>${t('account.everywhere')}</button></div>
    </${Group}>
    ${asking && html`<${Confirm} title=${t('account.everywhere.title')} text=${t('account.everywhere.text')} action=${t('account.everywhere')}
      act=${() => signOut({ everywhere: true })} close=${() => setAsking(false)} />`}`;
}
