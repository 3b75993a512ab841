// Pins, archive and folders: what the user marks conversations with, the same on every device.

import { del, get, newKey, patch, post } from './api.js';
import { noteBehind } from './changes.js';
import { change, conversationOf, folders } from './conversations.js';
import { learnPage } from './listing.js';
import { whole } from './meanwhile.js';
import { complain, toast } from './state.js';
import { t } from './words.js';

const MAX_AT_ONCE = 100;
const MAX_PINNED = 100;
const PAGE = 40;

/** Marks conversations: {pinned, archived, folderId}. It is seen at once, and taken back where the server refuses it. */
export async function mark(ids, marks) {
  const before = ids.map((id) => [id, Object.fromEntries(Object.keys(marks).map((name) => [name, conversationOf(id)?.[name]]))]);
  for (const id of ids) change(id, marks);
  try {
    for (let from = 0; from < ids.length; from += MAX_AT_ONCE) {
      await post('/api/v1/marks', { conversationIds: ids.slice(from, from + MAX_AT_ONCE), ...marks }, { key: newKey() });
    }
  } catch (error) {
    for (const [id, was] of before) change(id, was);
    complain(error);
  }
}

/** Out of the list, and with one press back in it. */
export function archive(some) {
  const ids = some.map(({ id }) => id);
  mark(ids, { archived: true });
  toast(t('marks.archived', { count: ids.length }), { label: t('left.undo'), run: () => mark(ids, { archived: false }) });
}

const later = (error) => {
  if (error.retryable) noteBehind();
};
const marks = whole(async () => {
  const [, found] = await Promise.all([
    learnPage(`pinned=true&limit=${MAX_PINNED}`, { quiet401: true }).catch(later),
    get('/api/v1/folders', { quiet401: true }).catch(later),
  ]);
  return () => {
    if (found) folders.value = found.data;
  };
});
/** What the list shows of marks: pinned conversations however old, and the folders. Never raises. */
export const loadMarks = () => marks.again();

/** A page of a folder's conversations, from `cursor` on; the next cursor. */
export async function loadFolder(id, cursor = null) {
  const page = await learnPage(`folder=${id}&limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
  return page.nextCursor;
}

export async function createFolder(name) {
  const made = await post('/api/v1/folders', { name }, { key: newKey() });
  folders.value = [...folders.value.filter(({ id }) => id !== made.id), made];
  marks.changed();
  return made;
}

export async function renameFolder(id, name) {
  await patch(`/api/v1/folders/${id}`, { name }, { key: newKey() });
  folders.value = folders.value.map((each) => (each.id === id ? { ...each, name } : each));
  marks.changed();
}

/** Its conversations stay, in no folder. */
export async function deleteFolder(id) {
  await del(`/api/v1/folders/${id}`, { key: newKey() });
  folders.value = folders.value.filter((each) => each.id !== id);
  marks.changed();
}
