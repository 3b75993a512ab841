// The list of conversations, search, and who is signed in.

import { conversations, listState, loadConversations, nameOf, search, searchFor, searchOn } from '../conversations.js';
import { age } from '../format.js';
import { dark, toggleTheme } from '../preferences.js';
import { go, route } from '../router.js';
import { signOut } from '../signing.js';
import { complain, dialog, drawerOpen, session, sidebarHidden } from '../state.js';
import { oneLine, visible } from '../text.js';
import { t } from '../words.js';
import { composing, html, Icon, IconButton } from './html.js';
import { Menu } from './menu.js';
import { PARTS } from './parts.js';

export function follow(event, path) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  drawerOpen.value = false;
  go(path);
}

export function Sidebar() {
  const found = search.value;
  return html`<aside class="sidebar" id="sidebar" aria-label="Conversations">
    <div class="sidebar-head">
      <a class="brand" href="/" onClick=${(event) => follow(event, '/')}><span class="mark" aria-hidden="true">”</span>Verbatim</a>
      <${IconButton} icon="sidebar" label="Hide the list" onClick=${() => { drawerOpen.value = false; sidebarHidden.value = true; }} />
    </div>
    <a class="new-chat" href="/" data-testid="new-chat" onClick=${(event) => follow(event, '/')}><${Icon} name="plus" />New chat</a>
    <div class="search"><${Icon} name="search" />
      <input type="search" placeholder="Search" aria-label="Search conversations" maxlength="200" data-testid="conversation-search"
        onInput=${(event) => searchFor(event.target.value)}
        onKeyDown=${(event) => { if (event.key === 'Escape' && !composing(event)) { event.target.value = ''; searchFor(''); } }} />
    </div>
    <nav class="list" aria-label=${found ? 'Found conversations' : 'Conversations'}>${found ? html`<${Found} found=${found} />` : html`<${All} />`}</nav>
    <${Foot} />
  </aside>`;
}

function All() {
  const { loading, error, cursor, loaded } = listState.value;
  const groups = Map.groupBy ? Map.groupBy(conversations.value, (each) => age(each.updatedAt)) : new Map([['', conversations.value]]);
  return html`
    ${[...groups].map(([name, some]) => html`<section key=${name}><h2>${name}</h2><ul>${some.map((each) => html`<${Row} key=${each.id} conversation=${each} />`)}</ul></section>`)}
    ${error && html`<p class="list-note">${error.message} <button type="button" class="link" onClick=${() => loadConversations()}>Try again</button></p>`}
    ${loaded && !error && conversations.value.length === 0 && html`<p class="list-note">What you talk about will be listed here.</p>`}
    ${cursor && html`<button type="button" class="quiet wide" disabled=${loading} onClick=${() => loadConversations({ more: true })}>${loading ? 'Loading…' : 'Show more'}</button>`}`;
}

function Row({ conversation, children, href }) {
  const here = route.value.conversationId === conversation.id;
  const name = nameOf(conversation);
  const path = href ?? `/c/${conversation.id}`;
  const preview = oneLine(conversation.preview ?? '').slice(0, 120);
  return html`<li class=${`row ${here ? 'here' : ''}`} data-testid="conversation-item" data-id=${conversation.id}>
    <a href=${path} aria-current=${here ? 'page' : undefined} onClick=${(event) => follow(event, path)}>
      <bdi class="row-name">${name}</bdi>
      ${children ?? (preview && preview !== name && html`<bdi class="row-preview">${preview}</bdi>`)}
    </a>
    <${Menu} label=${`More for ${name}`} className="row-menu" items=${[
      { label: 'Rename', icon: 'edit', testid: 'rename', onChoose: () => (dialog.value = { kind: 'rename', conversation }) },
      { label: t('list.export'), icon: 'download', testid: 'export', onChoose: () => (dialog.value = { kind: 'export', conversation }) },
      { label: 'Delete', icon: 'close', danger: true, testid: 'delete', onChoose: () => (dialog.value = { kind: 'remove', conversation }) },
    ]}><${Icon} name="more" /></${Menu}>
  </li>`;
}

function Found({ found }) {
  const { results, loading, cursor, searchedTo, error } = found;
  return html`<ul>${results.map(({ conversation, matches }) => {
    const match = matches.find((each) => each.messageId) ?? matches[0];
    const path = match?.messageId ? `/c/${conversation.id}?at=${encodeURIComponent(match.messageId)}` : undefined;
    return html`<${Row} key=${conversation.id} conversation=${conversation} href=${path}>${match && html`<bdi class="row-preview"><${Snippet} ...${match} /></bdi>`}</${Row}>`;
  })}</ul>
  ${error && html`<p class="list-note" role="alert">${error.message}</p>`}
  <p class="list-note" role="status">${loading ? 'Searching…' : results.length === 0 ? 'Nothing found.' : ''}</p>
  ${cursor && !loading && html`<button type="button" class="quiet wide" onClick=${searchOn}>${searchedTo ? `Searched back to ${new Date(searchedTo).toLocaleDateString()}. Go on` : 'Show more'}</button>`}`;
}

function Snippet({ snippet, start, end }) {
  const part = (from, to) => visible(snippet.slice(from, to)).replace(/\s+/g, ' ');
  return html`${part(0, start)}<mark>${part(start, end)}</mark>${part(end)}`;
}

function Foot() {
  const who = session.value;
  return html`<div class="sidebar-foot">
    <span class="who"><bdi>${oneLine(who?.userName ?? '') || 'Signed in'}</bdi></span>
    ${PARTS.pulse && who?.operator && html`<a class="icon-button" href="/pulse" aria-label="Pulse" title="Pulse" data-testid="pulse-link" onClick=${(event) => follow(event, '/pulse')}><${Icon} name="pulse" /></a>`}
    <a class="icon-button" href="/settings" aria-label=${t('settings.title')} title=${t('settings.title')} data-testid="settings-link" onClick=${(event) => follow(event, '/settings')}><${Icon} name="sliders" /></a>
    <${IconButton} icon=${dark.value ? 'sun' : 'moon'} label=${dark.value ? 'Light colours' : 'Dark colours'} data-testid="theme" onClick=${toggleTheme} />
    <${IconButton} icon="help" label="Keyboard shortcuts" data-testid="help" onClick=${() => (dialog.value = { kind: 'keys' })} />
    <${IconButton} icon="out" label="Sign out" data-testid="sign-out" onClick=${() => signOut().catch(complain)} />
  </div>`;
}
