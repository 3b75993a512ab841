// Deletions that can still be undone: for ten seconds a conversation is only out of sight. Then, or when the page is
// closed, the server is told. What it has not heard is kept in this browser and said again, with the same key.

import { batch } from '../vendor/signals.mjs';
import { del, newKey } from './api.js';
import { leaving, nameOf, noteGone } from './conversations.js';
import { read, write } from './kept.js';
import { dismiss, online, session, toast } from './state.js';
import { t } from './words.js';

const UNDO_MS = 10_000;
const AGAIN_MS = 15_000;
const AT_ONCE = 4;
/** As many as a browser sends for a page that is closed; the others are sent when it is opened again. */
const MAX_KEPT_ALIVE = 15;

/** Those of this page, in order: {ids, timer, toast}. */
let mine = [];
const sending = new Set();

function keep(now) {
  leaving.value = now;
  write(localStorage, 'leaving', now.size > 0 && JSON.stringify([session.value?.userId, ...now]));
}
function kept() {
  try {
    const [owner, ...entries] = JSON.parse(read(localStorage, 'leaving') ?? '[]');
    return new Map(owner === session.value?.userId ? entries : []);
  } catch {
    return new Map();
  }
}

const isMine = (id) => mine.some(({ ids }) => ids.includes(id));
/** What other pages of this browser delete is out of sight here too. */
const hear = () => (leaving.value = new Map([...kept(), ...[...leaving.value].filter(([id]) => isMine(id) || sending.has(id))]));

/** Takes conversations out of sight. Until they are deleted one can take that back. */
export function leave(conversations) {
  const until = Date.now() + UNDO_MS;
  const entry = { ids: conversations.map(({ id }) => id) };
  keep(new Map([...leaving.value, ...entry.ids.map((id) => [id, { key: newKey(), until }])]));
  entry.timer = setTimeout(() => finish(entry), UNDO_MS);
  mine = [...mine, entry];
  const said = conversations.length === 1 ? t('left.one', { name: nameOf(conversations[0]) }) : t('left.many', { count: conversations.length });
  entry.toast = toast(said, { label: t('left.undo'), run: () => undo(entry) });
}

function undo(entry) {
  clearTimeout(entry.timer);
  dismiss(entry.toast);
  mine = mine.filter((each) => each !== entry);
  stay(entry.ids);
}

export const stay = (ids) => keep(new Map([...leaving.value].filter(([id]) => !ids.includes(id))));

/** The last deletion of this page, if that is still possible. */
export const undoLast = () => mine.length > 0 && undo(mine.at(-1));

function finish(entry) {
  mine = mine.filter((each) => each !== entry);
  return send(entry.ids);
}

/** Tells the server, of some at a time. What it cannot hear now it is told later. */
async function send(ids) {
  const left = ids.filter((id) => leaving.value.has(id) && !sending.has(id));
  const one = async () => {
    for (let id = left.shift(); id; id = left.shift()) {
      sending.add(id);
      await tell(id).finally(() => sending.delete(id));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function tell(id) {
  try {
    await del(`/api/v1/conversations/${id}`, { key: leaving.value.get(id).key, quiet401: true });
  } catch (error) {
    if (error.retryable || error.status === 401) return void setTimeout(takeUp, AGAIN_MS);
    if (error.status !== 404) return stay([id]); // it is there, and shown again
  }
  batch(() => {
    noteGone(id);
    stay([id]);
  });
}

/** Sends what is due and was not sent, by whichever page it was deleted. */
function takeUp() {
  if (!session.value) return;
  hear();
  const others = [...leaving.value].filter(([id]) => !isMine(id));
  const due = others.filter(([, { until }]) => until <= Date.now()).map(([id]) => id);
  const next = Math.min(...others.map(([, { until }]) => until).filter((until) => until > Date.now()));
  if (next < Infinity) setTimeout(takeUp, next - Date.now() + UNDO_MS / 5);
  send(due);
}

/** Nothing waits any longer, whichever page deleted it: whoever was signed in leaves. */
export async function finishAll() {
  forgetMine();
  hear();
  await send([...leaving.value.keys()]);
}

/** None of this page's can be undone any more. */
function forgetMine() {
  for (const { timer, toast: note } of mine) {
    clearTimeout(timer);
    dismiss(note);
  }
  mine = [];
}

function finishMine() {
  const ids = mine.flatMap((entry) => entry.ids);
  forgetMine();
  send(ids);
}

/** The page is closed: what it deleted is deleted. */
function close() {
  const ids = mine.flatMap((entry) => entry.ids).slice(0, MAX_KEPT_ALIVE);
  for (const id of ids) {
    const headers = { 'X-Verbatim-CSRF': '1', 'Idempotency-Key': leaving.value.get(id).key };
    fetch(`/api/v1/conversations/${id}`, { method: 'DELETE', keepalive: true, credentials: 'same-origin', headers }).catch(() => {});
  }
}

export function followLeaving() {
  session.subscribe((who) => who && takeUp());
  online.subscribe((is) => is && takeUp());
  addEventListener('storage', ({ key }) => key === 'verbatim.leaving' && session.value && hear());
  addEventListener('pagehide', close);
  // A page that is shown again as it was left has said goodbye to them.
  addEventListener('pageshow', ({ persisted }) => persisted && finishMine());
}
