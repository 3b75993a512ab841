// The settings: their sections beside each other, one of them open. Loaded when they are first opened.

import { follow } from '../ui/row.js';
import { html, useEffect, useState } from '../ui/html.js';
import { styled } from '../log/stylesheet.js';
import { onlyHere, unsent } from '../preferences.js';
import { reachable } from '../state.js';
import { t } from '../words.js';
import { SECTIONS } from './sections.js';

await styled('settings.css');

export function SettingsPage({ section }) {
  const open = SECTIONS.find(({ id }) => id === (section ?? SECTIONS[0].id));
  return html`<div class="settings" data-testid="settings"><div class="settings-page">
    <nav class="settings-nav" aria-label=${t('settings.sections')}>${SECTIONS.map(({ id, title }) => html`<a key=${id} href=${`/settings/${id}`}
      aria-current=${id === open?.id ? 'page' : undefined} data-testid=${`settings-${id}`} onClick=${(event) => follow(event, `/settings/${id}`)}>${t(title)}</a>`)}</nav>
    <div class="settings-body">
      <${Kept} />
      ${open ? html`<${Open} key=${open.id} section=${open} />` : html`<p class="muted">${t('settings.missing')}</p>`}
    </div>
  </div></div>`;
}

/** Where the settings are, if they are not at the server. */
function Kept() {
  const text = onlyHere.value ? t('settings.here') : reachable.value || Object.keys(unsent.value).length === 0 ? '' : t('settings.waiting');
  return html`<p class=${text ? 'settings-note' : 'visually-hidden'} role="status" data-testid="settings-kept">${text}</p>`;
}

function Open({ section }) {
  const [Part, setPart] = useState(null);
  const [failed, setFailed] = useState(false);
  const load = () => {
    setFailed(false);
    section.load().then((module) => setPart(() => module.Section), () => setFailed(true));
  };
  useEffect(load, []);
  const title = html`<h2 id="settings-heading">${t(section.title)}</h2>`;
  if (failed) return html`${title}<p role="alert">${t('settings.failed')} <button type="button" onClick=${load}>${t('settings.again')}</button></p>`;
  return html`${title}${Part ? html`<${Part} />` : html`<div class="skeleton" role="status" aria-label=${t('settings.loading')}><i /><i /></div>`}`;
}
