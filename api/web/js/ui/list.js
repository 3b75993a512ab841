// The conversations in the list, by age, or those that a search has found. Arrow keys walk through them.

import { activity } from '../activity.js';
import { conversations, folders, gone, known, leaving, listState } from '../conversations.js';
import { loadConversations } from '../listing.js';
import { route } from '../router.js';
import { search, searchOn } from '../search.js';
import { language, t } from '../words.js';
import { html, useEffect } from './html.js';
import { later } from './later.js';
import { filter, rowMenu, selection } from './places.js';
import { Row } from './row.js';

const Filtered = later(() => import('./filter.js'), 'Filtered');
const Folders = later(() => import('./folders.js'), 'Folders');

const DAY_MS = 86_400_000;

export function List() {
  const found = search.value;
  return html`<nav class="list" aria-label=${found ? t('list.found') : t('list.name')} onKeyDown=${walk}>${found ? html`<${Found} found=${found} />` : filter.value ? html`<${Filtered} rowOf=${rowOf} />` : html`<${All} />`}</nav>`;
}

/** What is shown of a conversation stays what it is until something of it changes, however long the list. */
const shown = new WeakMap();
function rowOf(conversation) {
  const here = route.value.conversationId === conversation.id;
  const open = rowMenu.value?.conversation.id === conversation.id;
  const state = activity.value.get(conversation.id);
  const selected = selection.value?.has(conversation.id);
  const look = `${here} ${open} ${state} ${selected}`;
  const known = shown.get(conversation);
  if (known?.look === look) return known.row;
  const row = html`<${Row} key=${conversation.id} ...${{ conversation, here, open, state, selected }} />`;
  shown.set(conversation, { look, row });
  return row;
}

function All() {
  const { loading, error, cursor, loaded } = listState.value;
  const shown = (each) => !each.archived && !leaving.value.has(each.id);
  const inFolder = ({ folderId }) => folders.value.some(({ id }) => id === folderId);
  const all = conversations.value.filter((each) => shown(each) && !each.pinned && !inFolder(each));
  const marked = known.value.filter((each) => shown(each) && (each.pinned || inFolder(each)));
  const pinned = marked.filter((each) => each.pinned);
  const groups = byAge(all);
  return html`
    ${pinned.length > 0 && html`<section key="pinned" data-testid="pinned"><h2>${t('list.pinned')}</h2><ul>${pinned.map(rowOf)}</ul></section>`}
    ${folders.value.length > 0 && html`<${Folders} known=${marked} rowOf=${rowOf} />`}
    ${groups.map(([name, some]) => html`<section key=${name}><h2>${name}</h2><ul>${some.map(rowOf)}</ul></section>`)}
    ${error && html`<p class="list-note">${error.message} <button type="button" class="link" onClick=${() => loadConversations()}>${t('try-again')}</button></p>`}
    ${loaded && !error && conversations.value.length === 0 && html`<p class="list-note">${t('list.empty')}</p>`}
    ${cursor && html`<button type="button" class="quiet wide" disabled=${loading} onClick=${() => loadConversations({ more: true })}>${loading ? t('list.loading') : t('list.more')}</button>`}`;
}

/** [name of the group, its conversations], newest first. */
function byAge(all, now = new Date()) {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const groups = new Map();
  for (const each of all) {
    const days = Math.ceil((midnight - new Date(each.updatedAt)) / DAY_MS);
    const name = t(days <= 0 ? 'list.today' : days === 1 ? 'list.yesterday' : days <= 7 ? 'list.week' : days <= 30 ? 'list.month' : 'list.older');
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(each);
  }
  return [...groups];
}

let opening = false;
function Found({ found }) {
  const { loading, cursor, searchedTo, error } = found;
  const results = found.results.filter(({ conversation: { id } }) => !gone.value.has(id) && !leaving.value.has(id));
  const here = route.value.conversationId;
  const open = rowMenu.value?.conversation.id;
  useEffect(() => {
    if (loading || !opening) return;
    opening = false;
    links()[0]?.click();
  }, [loading]);
  const back = searchedTo && new Date(searchedTo).toLocaleDateString(language);
  return html`<ul>${results.map(({ conversation, matches }) => html`<${Row} key=${conversation.id} conversation=${conversation} here=${here === conversation.id} open=${open === conversation.id} state=${activity.value.get(conversation.id)} selected=${selection.value?.has(conversation.id)}
      match=${matches.find((each) => each.messageId) ?? matches[0]} />`)}</ul>
    ${error && html`<p class="list-note" role="alert">${error.message}</p>`}
    <p class="list-note" role="status">${loading ? t('search.running') : results.length === 0 && !error ? t('search.nothing') : ''}</p>
    ${cursor && !loading && html`<button type="button" class="quiet wide" onClick=${searchOn}>${back ? t('search.on', { date: back }) : t('list.more')}</button>`}`;
}

const links = () => [...document.querySelectorAll('.list .row > a')];

/** Arrow keys go from row to row, and from the first one back to the search. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const at = step ? links().indexOf(event.target) : -1;
  if (at < 0) return;
  event.preventDefault();
  if (at + step < 0) document.querySelector('.search input').focus();
  else links()[at + step]?.focus();
}

/** What keys do in the search: the arrow goes to the first that is found, Enter opens it, as soon as it is found. */
export function onSearchKey(event) {
  opening = event.key === 'Enter' && Boolean(search.value?.loading);
  if (event.key === 'ArrowDown') links()[0]?.focus();
  else if (event.key === 'Enter' && search.value && !opening) links()[0]?.click();
  else return;
  event.preventDefault();
}
