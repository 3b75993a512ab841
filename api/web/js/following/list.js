// Keeps the list what the server has: of each conversation that changed elsewhere, what it is now.

import { get } from '../api.js';
import { noteBehind } from '../changes.js';
import { change, conversationOf, noteGone, place } from '../conversations.js';
import { loadConversations } from '../listing.js';
import { liveOf } from '../live.js';
import { ask, upToDate } from '../meanwhile.js';

const TOGETHER_MS = 100;
const MAX_SINGLY = 8;

let waiting = new Set();
let timer = 0;

export function noteChange({ kind, conversationId: id, what, title, generationId }) {
  if (kind === 'reset') loadConversations();
  if (kind === 'behind') loadConversations({ keep: true });
  if (kind !== 'conversation') return;
  if (what === 'deleted') {
    waiting.delete(id);
    return noteGone(id);
  }
  if (what === 'answered' || what === 'failed') return; // nothing that a list says
  if (what === 'renamed' && title) return void change(id, { title });
  if (what === 'changed' && !conversationOf(id)) return;
  if ((what === 'started' || (what === 'prompted' && liveOf(generationId)?.timed)) && conversationOf(id)) return; // by this tab
  waiting.add(id);
  timer ||= setTimeout(readThem, TOGETHER_MS);
}

/** Not for a tab that nobody looks at: it reads when it is looked at. */
async function readThem() {
  if (document.visibilityState === 'hidden') {
    document.addEventListener('visibilitychange', readThem, { once: true });
    return;
  }
  const ids = waiting;
  waiting = new Set();
  timer = 0;
  if (ids.size > MAX_SINGLY) return loadConversations({ keep: true });
  for (const id of ids) {
    await ask(() => get(`/api/v1/conversations/${id}`, { quiet401: true }), (found, since) => {
      const now = upToDate(found, since);
      if (now) place(now, since);
    }).catch((error) => {
      if (error.status === 404) noteGone(id);
      else if (error.retryable) noteBehind();
    });
  }
}
