// In which conversations an answer is being written, and which have one that nobody has seen yet. It is kept in the
// browser; what one tab has seen, all have.

import { activity, session } from '../state.js';
import { read, write } from '../kept.js';
import { route } from '../router.js';

const MAX_KEPT = 200;
const MAX_ENDED = 200;
/** An answer that was not told to have ended by then is not waited for. */
const LONGEST_MS = 3_600_000;

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-seen') : null;
/** By conversation the generations that run; those that have ended, as an end may be told before its beginning. */
let running = new Map();
const ended = new Set();

export function followActivity() {
  if (tabs) tabs.onmessage = ({ data }) => set(data, null);
  session.subscribe((who) => who && restore());
  route.subscribe(look);
  document.addEventListener('visibilitychange', look);
  addEventListener('focus', look);
}

export function noteActivity({ kind, conversationId: id, what, generationId }) {
  if (kind === 'reset') {
    running = new Map();
    return keep(new Map([...activity.value].filter(([, state]) => state !== 'running')));
  }
  if (kind !== 'conversation') return;
  if (what === 'deleted') return set(id, null);
  const those = running.get(id) ?? new Map();
  if (what === 'prompted' && !ended.has(generationId)) {
    running.set(id, those.set(generationId, Date.now()));
    set(id, 'running');
  } else if (what === 'answered' || what === 'failed') {
    ended.add(generationId);
    if (ended.size > MAX_ENDED) ended.delete(ended.values().next().value);
    those.delete(generationId);
    for (const [each, at] of those) if (Date.now() - at > LONGEST_MS) those.delete(each);
    if (those.size > 0) return;
    running.delete(id);
    set(id, what === 'failed' ? 'failed' : 'finished');
    look();
  }
}

/** What is on the screen is seen. */
function look() {
  const id = route.value.conversationId;
  const state = activity.value.get(id);
  if (!state || state === 'running' || document.visibilityState === 'hidden') return;
  set(id, null);
  tabs?.postMessage(id);
}

function set(id, state) {
  if ((activity.value.get(id) ?? null) === state) return;
  const now = new Map(activity.value);
  now.delete(id);
  if (state) now.set(id, state);
  keep(new Map([...now].slice(-MAX_KEPT)));
}

function keep(now) {
  activity.value = now;
  write(localStorage, 'activity', JSON.stringify([session.value?.userId, [...now], Date.now()]));
}

function restore() {
  try {
    const [owner, entries, at] = JSON.parse(read(localStorage, 'activity') ?? '[]');
    if (owner !== session.value.userId || activity.value.size > 0) return;
    activity.value = new Map(entries.filter(([, state]) => state !== 'running' || Date.now() - at < LONGEST_MS));
  } catch {
    // what cannot be read was nothing that matters
  }
}
