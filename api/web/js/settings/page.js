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
  return html`<${Sections} area="settings" title=${t('settings.sections')} sections=${SECTIONS} section=${section} above=${html`<${Kept} />`} />`;
}

/** Sections beside each other, one of them open. `area`: where they are in the address; `above`: what stands over each. */
export function Sections({ area, title, sections, section, above }) {
  const open = sections.find(({ id }) => id === (section ?? sections[0].id));
  return html`<div class="settings" data-testid=${area}><div class="settings-page">
    <nav class="settings-nav" aria-label=${title}>${sections.map(({ id, title: name }) => html`<a key=${id} href=${`/${area}/${id}`}
      aria-current=${id === open?.id ? 'page' : undefined} data-testid=${`${area}-${id}`} onClick=${(event) => follow(event, `/${area}/${id}`)}>${t(name)}</a>`)}</nav>
    <div class="settings-body">
      ${above}
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
