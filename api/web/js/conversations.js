// The user's conversations: those in the list, those that were opened otherwise, and what changes them.

import { batch, computed, signal } from '../vendor/signals.mjs';
import { ApiError, get, newKey, patch, post, put as set } from './api.js';
import { changeDraft, keepPastes, pastesOf } from './kept.js';
import { ask, noteMeanwhile, upToDate } from './meanwhile.js';
import { takeQueue } from './queue.js';
import { complain } from './state.js';
import { oneLine } from './text.js';
import { t } from './words.js';

const MAX_OTHERS = 1000;

export const conversations = signal([]);
export const listState = signal({ loading: false, error: null, cursor: null, loaded: false });
/** What the list does not hold, by id: opened by address, search or history. */
const others = signal(new Map());
/** The user's folders: {id, name}. */
export const folders = signal([]);
/** Why a conversation is not shown, by id: 'missing'; 'deleted' if this page knew it, 'rescued' if one was writing to it. */
export const gone = signal(new Map());
/** Those that are being deleted, by id: {key, until}. They are out of sight already. */
export const leaving = signal(new Map());

export const timeOf = (conversation) => Date.parse(conversation.updatedAt);
export function without(all, some) {
  const ids = new Set(some.map((each) => each.id));
  return all.filter((each) => !ids.has(each.id));
}

/** With one more at the place that its time gives it; null: that is beyond what is loaded. */
export function placedIn(list, one, cursor) {
  const found = list.findIndex((each) => timeOf(each) < timeOf(one));
  if (found < 0 && cursor) return null;
  return list.toSpliced(found < 0 ? list.length : found, 0, one);
}

/** All that are known, the newest first. */
export const known = computed(() => [...conversations.value, ...without([...others.value.values()], conversations.value)].sort((a, b) => timeOf(b) - timeOf(a)));

/** A conversation as far as it is known; null: not at all. */
export const conversationOf = (id) => conversations.value.find((each) => each.id === id) ?? others.value.get(id) ?? null;

/** What a conversation is called; '' for one that is not known yet. */
export const nameOf = (conversation) =>
  conversation ? oneLine(conversation.title ?? '') || oneLine(conversation.preview ?? '').slice(0, 80) || t('new-chat') : '';

/** Asks for a conversation that is shown and may not be in the list. */
export async function learn(id) {
  try {
    await ask(() => get(`/api/v1/conversations/${id}`, { quiet401: true }), (found, since) => {
      const now = upToDate(found, since);
      if (now) put(now);
    });
  } catch (error) {
    if (error.status === 404) noteGone(id);
  }
}

/** What is known of a conversation is this; its place in the list stays. */
export function put(conversation) {
  if (know(conversation.id, withName(conversation))) return;
  others.value = new Map([...others.value, [conversation.id, conversation]].slice(-MAX_OTHERS));
}

/** Until its first prompt is there it is called by it already. */
export function withName(conversation) {
  const known = conversationOf(conversation.id);
  return { ...conversation, title: conversation.title ?? known?.title ?? null, preview: conversation.preview ?? known?.preview ?? null };
}

/** The same, in the list at the place that it has by now, if the list is loaded as far. A temporary one is in no list.
 * `told`: of the answer that says it. */
export function place(conversation, told) {
  const now = { ...conversationOf(conversation.id), ...withName(conversation), local: false };
  noteMeanwhile(now.id, now, told);
  if (gone.value.has(now.id)) gone.value = new Map([...gone.value].filter(([id]) => id !== now.id)); // it was asked for before it was made
  if (now.temporary) return put(now); // it is in no list
  const rest = without(conversations.value, [now]);
  const placed = placedIn(rest, now, listState.value.cursor);
  if (placed) conversations.value = placed;
  else put(now);
}

/** Changes what is known of a conversation; false if nothing is. */
export function change(id, changes) {
  noteMeanwhile(id, changes);
  return know(id, changes);
}

function know(id, changes) {
  const at = conversations.value.findIndex((each) => each.id === id);
  if (at >= 0) conversations.value = conversations.value.with(at, { ...conversations.value[at], ...changes });
  else if (others.value.has(id)) others.value = new Map([...others.value, [id, { ...others.value.get(id), ...changes }]]);
  else return false;
  return true;
}

/** It is not there, or no more. What was being written to it waits in a new chat, unless it is deleted here. */
export function noteGone(id) {
  if (gone.value.has(id)) return;
  const why = conversationOf(id) ? 'deleted' : 'missing';
  let written = '';
  changeDraft(id, (text) => {
    written = text;
    return '';
  });
  const texts = [...takeQueue(id), written, ...pastesOf(id)].filter((each) => each.trim());
  keepPastes(id, []);
  batch(() => {
    gone.value = new Map([...gone.value, [id, why]]);
    noteMeanwhile(id, null);
    if (texts.length > 0 && !leaving.value.has(id)) rescue(id, texts);
    conversations.value = conversations.value.filter((each) => each.id !== id);
    others.value = new Map([...others.value].filter(([other]) => other !== id));
  });
}

/** What was written to one that is not there waits in a new chat. */
export function rescue(id, texts) {
  changeDraft(null, (text) => [text, ...texts].filter((each) => each.trim()).join('\n\n'));
  gone.value = new Map([...gone.value, [id, 'rescued']]);
}

/** A conversation that the server is still to be asked for; until it has a title it is called by its first prompt. */
export function showBegun(id, firstPrompt, { temporary, settings }) {
  if (conversationOf(id)) return;
  const title = oneLine(firstPrompt.slice(0, 400)).slice(0, 80);
  const begun = { id, title, updatedAt: new Date().toISOString(), local: true, ...(settings ? { settings } : {}) };
  noteMeanwhile(id, begun);
  if (temporary) put({ ...begun, temporary }); // it is in no list
  else conversations.value = [begun, ...conversations.value];
}

/** Whether the server has not made it yet. */
export const isLocal = (id) => Boolean(conversationOf(id)?.local);

/** Has the server make it, under the key that its id derives from. */
export async function begin(id, { key, settings, ...asked }, signal) {
  let made = await post('/api/v1/conversations', asked, { key, signal });
  if (made.id !== id) throw new ApiError(0, 'unexpected_id', t('conversation.not-begun'), false);
  if (settings) made = (await keepSettings(id, settings, `${key}-settings`, signal)) ?? made;
  if (isLocal(id)) change(id, { ...made, title: conversationOf(id).title, local: false });
}

/** Its own settings. Where the server does not keep them, the first prompt is asked with them all the same. */
async function keepSettings(id, settings, key, signal) {
  try {
    return await set(`/api/v1/conversations/${id}/settings`, settings, { key, signal });
  } catch (error) {
    if (!(error instanceof ApiError) || error.retryable || error.status === 401) throw error;
    complain(error);
    return null;
  }
}

export function forgetBegun(id) {
  noteMeanwhile(id, { local: false });
  others.value = new Map([...others.value].filter(([other]) => other !== id));
  conversations.value = conversations.value.filter((each) => each.id !== id || !each.local);
}

/** The conversation was written to: it is the newest. */
export function touched(id, preview) {
  const found = conversationOf(id);
  if (!found || found.temporary) return;
  const changes = { preview: preview ?? found.preview, updatedAt: new Date().toISOString() };
  noteMeanwhile(id, changes);
  const now = { ...found, ...changes };
  conversations.value = [now, ...conversations.value.filter((each) => each.id !== id)];
}

export async function rename(id, title) {
  const named = await patch(`/api/v1/conversations/${id}`, { title }, { key: newKey() });
  change(id, { title: named.title });
}
