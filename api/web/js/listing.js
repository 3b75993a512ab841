// The pages of lists of conversations, as the server has them, with what has changed here meanwhile.

import { batch } from '../vendor/signals.mjs';
import { BEHIND, get, request } from './api.js';
import { noteBehind } from './changes.js';
import { conversationOf, conversations, gone, listState, placedIn, put, timeOf, without, withName } from './conversations.js';
import { ask, upToDate } from './meanwhile.js';

const PAGE = 40;

/** `more`: the next page. `keep`: older ones that are shown stay. */
export async function loadConversations({ more = false, keep = false } = {}) {
  const cursor = more ? listState.value.cursor : null;
  listState.value = { ...listState.value, loading: true, error: null };
  try {
    await ask(() => readPage(cursor), (page, since) => batch(() => take(page, since, more, keep || page.behind)));
  } catch (error) {
    listState.value = { ...listState.value, loading: false, error };
    if (error.status > 0 && error.retryable) noteBehind();
  }
}

async function readPage(cursor) {
  const answer = await request('GET', `/api/v1/conversations?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
  return { ...(await answer.json()), behind: answer.headers.has(BEHIND) };
}

/** What has changed since a page was asked for is newer than it; of one that is behind, all that is known here is. */
function take(page, since, more, keep) {
  const all = conversations.value;
  const newer = ({ id }) => since.has(id) || (page.behind && Boolean(conversationOf(id) ?? gone.value.has(id)));
  const told = page.data.filter((each) => !newer(each)).map(withName);
  const older = keep && page.nextCursor && !more ? olderThan(all, page.data) : [];
  let list = more ? without(all, told).concat(told) : [...without(all.filter((each) => each.local), told), ...told, ...older];
  const beyond = [];
  const cursor = older.length > 0 ? listState.value.cursor : page.nextCursor;
  for (const each of [...without(page.data, all), ...all.filter(({ local }) => !local)].filter(newer)) {
    const said = page.data.find(({ id }) => id === each.id) ?? each;
    const now = page.behind ? conversationOf(each.id) : upToDate(said, since);
    if (!now || now.temporary) continue;
    const placed = placedIn(without(list, [now]), now, cursor);
    if (placed) list = placed;
    else beyond.push(now);
  }
  conversations.value = list;
  beyond.forEach(put);
  listState.value = { loading: false, error: null, cursor, loaded: true };
}

/** A page of other lists: what it tells of conversations is known from then on. */
export const learnPage = (query, options) => ask(() => get(`/api/v1/conversations?${query}`, options), (page, since) => {
  const data = page.data.map((each) => upToDate(each, since)).filter(Boolean);
  data.forEach(put);
  return { ...page, data };
});

function olderThan(all, some) {
  const oldest = Math.min(...some.map(timeOf));
  return without(all, some).filter((each) => timeOf(each) < oldest);
}
