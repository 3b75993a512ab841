// Beside the conversation: the list, search, and who is signed in.

import { dark, toggleTheme } from '../preferences.js';
import { searchFor } from '../search.js';
import { signOut } from '../signing.js';
import { complain, dialog, session } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { hideList } from './drawer.js';
import { composing, html, Icon, IconButton } from './html.js';
import { List, onSearchKey } from './list.js';
import { PARTS } from './parts.js';
import { later } from './later.js';
import { filter, rowMenu, selection } from './places.js';
import { follow } from './row.js';

const FilterPanel = later(() => import('./filter.js'), 'FilterPanel');
const RowMenu = later(() => import('./choices.js'), 'RowMenu');
const SelectionBar = later(() => import('./selecting.js'), 'SelectionBar');

export function Sidebar() {
  const onKeyDown = (event) => {
    if (composing(event)) return;
    if (event.key !== 'Escape') return onSearchKey(event);
    event.target.value = '';
    searchFor('');
  };
  return html`<aside class="sidebar" id="sidebar" aria-label=${t('list.name')}>
    <div class="sidebar-head">
      <a class="brand" href="/" onClick=${(event) => follow(event, '/')}><span class="mark" aria-hidden="true">”</span>Verbatim</a>
      <${IconButton} icon="sidebar" label=${t('list.hide')} onClick=${hideList} />
    </div>
    <a class="new-chat" href="/" data-testid="new-chat" onClick=${(event) => follow(event, '/')}><${Icon} name="plus" />${t('new-chat')}</a>
    <div class="search"><${Icon} name="search" />
      <input type="search" placeholder=${t('search.short')} aria-label=${t('search.name')} maxlength="200" data-testid="conversation-search"
        onInput=${(event) => searchFor(event.target.value)} onKeyDown=${onKeyDown} />
      <${IconButton} icon="filter" label=${t('list.filter')} aria-expanded=${Boolean(filter.value)} data-testid="filter-open" onClick=${() => (filter.value = filter.value ? null : {})} />
    </div>
    ${filter.value && html`<${FilterPanel} />`}
    <${List} />
    ${selection.value && html`<${SelectionBar} />`}
    <${Foot} />
    ${rowMenu.value && html`<${RowMenu} />`}
  </aside>`;
}

function Foot() {
  const who = session.value;
  return html`<div class="sidebar-foot">
    <span class="who"><bdi>${oneLine(who?.userName ?? '') || t('foot.somebody')}</bdi></span>
    ${PARTS.pulse && who?.operator && html`<a class="icon-button" href="/pulse" aria-label=${t('pulse.name')} title=${t('pulse.name')} data-testid="pulse-link" onClick=${(event) => follow(event, '/pulse')}><${Icon} name="pulse" /></a>`}
    <a class="icon-button" href="/settings" aria-label=${t('settings.title')} title=${t('settings.title')} data-testid="settings-link" onClick=${(event) => follow(event, '/settings')}><${Icon} name="sliders" /></a>
    <${IconButton} icon=${dark.value ? 'sun' : 'moon'} label=${dark.value ? t('foot.light') : t('foot.dark')} data-testid="theme" onClick=${toggleTheme} />
    <${IconButton} icon="help" label=${t('foot.keys')} data-testid="help" onClick=${() => (dialog.value = { kind: 'keys' })} />
    <${IconButton} icon="out" label=${t('foot.out')} data-testid="sign-out" onClick=${() => signOut().catch(complain)} />
  </div>`;
}
