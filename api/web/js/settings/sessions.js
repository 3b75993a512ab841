// Settings → Account: the browsers that are signed in, each of which can be signed out.

import { del, newKey } from '../api.js';
import { oneLine } from '../text.js';
import { html, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { Confirm } from './confirming.js';
import { Group } from './fields.js';
import { Coming, NotRead, useRead } from './loading.js';

const times = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const timeOf = (text) => times.format(new Date(text));

export function Sessions() {
  const [found, error, again] = useRead('/api/v1/sessions');
  const [ending, setEnding] = useState(null);
  const end = async () => {
    await del(`/api/v1/sessions/${ending.id}`, { key: newKey() });
    again();
  };
  return html`<${Group} title=${t('sessions.name')}>
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : found.data.length === 0
      ? html`<p class="hint" role="status" data-testid="sessions-empty">${t('sessions.none')}</p>`
      : html`<ul class="entries" aria-label=${t('sessions.name')}>${found.data.map((each) => html`<${Session} key=${each.id} of=${each} onEnd=${() => setEnding(each)} />`)}</ul>`}
    <p class="hint">${t('sessions.hint')}</p>
    ${ending && html`<${Confirm} title=${t('sessions.out.title', { from: timeOf(ending.createdAt) })} text=${t('sessions.out.text')} action=${t('account.out')} act=${end} close=${() => setEnding(null)} />`}
  </${Group}>`;
}

function Session({ of, onEnd }) {
  const from = timeOf(of.createdAt);
  return html`<li data-testid="session" data-id=${of.id}><div class="entry">
    <bdi class="entry-name">${of.issuer ? t('sessions.by.issuer', { issuer: oneLine(of.issuer) }) : t('sessions.by.password')}</bdi>
    <small>${t('sessions.about', { from, until: timeOf(of.expiresAt) })}${of.current && html` · <strong>${t('sessions.this')}</strong>`}</small></div>
    ${!of.current && html`<button type="button" class="quiet danger" aria-label=${t('sessions.out.title', { from })} data-testid="session-end" onClick=${onEnd}>${t('account.out')}</button>`}</li>`;
}
