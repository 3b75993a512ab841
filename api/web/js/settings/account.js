// Settings → Account: who is signed in, and signing out.

import { signOut } from '../signing.js';
import { complain, session } from '../state.js';
import { oneLine } from '../text.js';
import { html } from '../ui/html.js';
import { language, t } from '../words.js';
import { Group } from './fields.js';

const dates = new Intl.DateTimeFormat(language, { dateStyle: 'long' });

export function Section() {
  const who = session.value;
  return html`<${Group}>
      <dl class="about">
        <div><dt>${t('account.name')}</dt><dd><bdi>${oneLine(who?.userName ?? '') || '–'}</bdi></dd></div>
        <div><dt>${t('account.id')}</dt><dd><code>${who?.userId}</code></dd></div>
        ${who?.expiresAt && html`<div><dt>${t('account.until')}</dt><dd>${dates.format(new Date(who.expiresAt))}</dd></div>`}
        ${who?.operator && html`<div><dt>${t('account.role')}</dt><dd>${t('account.operator')}</dd></div>`}
      </dl>
    </${Group}>
    <${Group} title=${t('account.leave')}>
      <div class="field"><div class="field-name">${t('account.out')}<p class="hint">${t('account.out.hint')}</p></div>
        <button type="button" data-testid="sign-out-here" onClick=${() => signOut().catch(complain)}>${t('account.out')}</button></div>
    </${Group}>`;
}
