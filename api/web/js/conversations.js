// The list of conversations, search in it, and what changes it.

import { batch, signal } from '../vendor/signals.mjs';
import { ApiError, del, get, newKey, patch, post } from './api.js';
import { oneLine } from './text.js';
import { t } from './words.js';

const PAGE = 40;
const PATIENCE_MS = 200;
const MAX_EMPTY_PAGES = 5;
const TITLE_WAITS_MS = [1000, 2000, 4000, 8000, 16_000];

export const conversations = signal([]);
export const listState = signal({ loading: false, error: null, cursor: null, loaded: false });
/** null: no search; else {q, results, cursor, searchedTo, loading, error}. */
export const search = signal(null);

export async function loadConversations({ more = false } = {}) {
  const cursor = more ? listState.value.cursor : null;
  listState.value = { ...listState.value, loading: true, error: null };
  try {
    const page = await get(`/api/v1/conversations?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    batch(() => {
      const known = more ? conversations.value : conversations.value.filter((each) => each.local);
      const ids = new Set(known.map((each) => each.id));
      conversations.value = [...known, ...page.data.filter((each) => !ids.has(each.id))];
      listState.value = { loading: false, error: null, cursor: page.nextCursor, loaded: true };
    });
  } catch (error) {
    listState.value = { ...listState.value, loading: false, error };
  }
}

/** What a conversation is called in lists. */
export const nameOf = (conversation) => oneLine(conversation?.title ?? '') || oneLine(conversation?.preview ?? '').slice(0, 80) || 'New chat';

/** A conversation that the server is still to be asked for; until it has a title it is called by its first prompt. */
export function showBegun(id, firstPrompt) {
  if (conversations.value.some((each) => each.id === id)) return;
  const title = oneLine(firstPrompt.slice(0, 400)).slice(0, 80);
  conversations.value = [{ id, title, updatedAt: new Date().toISOString(), local: true }, ...conversations.value];
}

/** Whether the server has not made it yet. */
export const isLocal = (id) => conversations.value.some((each) => each.id === id && each.local);

/** Has the server make it, under the key that its id derives from. */
export async function begin(id, { key, ...asked }, signal) {
  const made = await post('/api/v1/conversations', asked, { key, signal });
  if (made.id !== id) throw new ApiError(0, 'unexpected_id', t('conversation.not-begun'), false);
  conversations.value = conversations.value.map((each) => (each.id === id && each.local ? { ...made, title: each.title } : each));
}

export function forgetBegun(id) {
  conversations.value = conversations.value.filter((each) => each.id !== id || !each.local);
}

/** Looks a few times for the title that is made for a conversation after its first answer. */
export async function awaitTitle(id, firstPrompt) {
  for (const ms of TITLE_WAITS_MS) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    const now = await get(`/api/v1/conversations/${id}`, { quiet401: true }).catch(() => null);
    const title = now?.title;
    if (!title || oneLine(firstPrompt.slice(0, 1000)).startsWith(oneLine(title))) continue;
    conversations.value = conversations.value.map((each) => (each.id === id ? { ...each, title } : each));
    return;
  }
}

/** The conversation was written to: it is the newest. */
export function touched(id, preview) {
  const found = conversations.value.find((each) => each.id === id);
  if (!found) return;
  const now = { ...found, preview: preview ?? found.preview, updatedAt: new Date().toISOString() };
  conversations.value = [now, ...conversations.value.filter((each) => each.id !== id)];
}

export async function rename(id, title) {
  const named = await patch(`/api/v1/conversations/${id}`, { title }, { key: newKey() });
  conversations.value = conversations.value.map((each) => (each.id === id ? { ...each, title: named.title } : each));
}

export async function remove(id) {
  await del(`/api/v1/conversations/${id}`, { key: newKey() });
  conversations.value = conversations.value.filter((each) => each.id !== id);
  if (search.value) search.value = { ...search.value, results: search.value.results.filter((each) => each.conversation.id !== id) };
}

let control = null;
let timer = 0;
export function searchFor(q) {
  clearTimeout(timer);
  control?.abort();
  if (!q.trim()) return (search.value = null);
  search.value = { q, results: search.value?.results ?? [], cursor: null, searchedTo: null, loading: true, error: null };
  timer = setTimeout(() => searchOn(), PATIENCE_MS);
}

/** The next page of the search; empty pages are passed over, a few at a time. */
export async function searchOn() {
  const mine = (control = new AbortController());
  const { q } = search.value;
  let { cursor } = search.value;
  let results = cursor ? search.value.results : [];
  search.value = { ...search.value, loading: true, error: null };
  try {
    for (let pages = 0; pages < MAX_EMPTY_PAGES; pages += 1) {
      const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
      const page = await get(`/api/v1/search?q=${encodeURIComponent(q.trim())}&limit=20${more}`, { signal: mine.signal });
      results = [...results, ...page.data];
      cursor = page.nextCursor;
      search.value = { q, results, cursor, searchedTo: page.searchedTo, loading: Boolean(cursor) && page.data.length === 0, error: null };
      if (!cursor || page.data.length > 0) break;
    }
    search.value = { ...search.value, loading: false };
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.status === 404 || error.status === 405) results = amongLoaded(q);
    search.value = { q, results, cursor: null, searchedTo: null, loading: false, error: results.length || error.status === 404 ? null : error };
  }
}

function amongLoaded(q) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return conversations.value
    .filter((each) => words.every((word) => `${each.title ?? ''} ${each.preview ?? ''}`.toLowerCase().includes(word)))
    .map((conversation) => ({ conversation, matches: [] }));
}
