// Follows where answers begin and end, in any tab and on any device. It is kept in the browser; what one tab has seen,
// all have.

import { activity, noteAnswer } from '../activity.js';
import { read, write } from '../kept.js';
import { followed } from '../live.js';
import { route } from '../router.js';
import { session } from '../state.js';

const MAX_ENDED = 200;
/** An answer that was not told to have ended by then is not waited for. */
const LONGEST_MS = 3_600_000;

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-seen') : null;
/** By conversation the generations that run, with their beginning; and those that have ended: an end may be told first. */
let running = new Map();
const ended = new Set();

export function followActivity() {
  if (tabs) tabs.onmessage = ({ data }) => hear(data);
  session.subscribe((who) => who && restore());
  activity.subscribe((now) => session.value && write(localStorage, 'activity', JSON.stringify([session.value.userId, [...now], Date.now()])));
  route.subscribe(look);
  document.addEventListener('visibilitychange', look);
}

export function noteActivity({ kind, conversationId: id, what, generationId }) {
  if (kind === 'reset') {
    running = new Map();
    const here = followed(); // which this page hears of by itself
    activity.value = new Map([...activity.value].filter(([each, state]) => state !== 'running' || here.has(each)));
    tabs?.postMessage({ whatRuns: true });
  }
  if (kind !== 'conversation') return;
  if (what === 'deleted') return noteAnswer(id, null);
  const those = running.get(id) ?? new Map();
  if (what === 'prompted' && !ended.has(generationId)) {
    running.set(id, those.set(generationId, Date.now()));
    noteAnswer(id, 'running');
  } else if (what === 'answered' || what === 'failed') {
    ended.add(generationId);
    if (ended.size > MAX_ENDED) ended.delete(ended.values().next().value);
    those.delete(generationId);
    for (const [each, at] of those) if (Date.now() - at > LONGEST_MS) those.delete(each);
    if (those.size > 0) return;
    running.delete(id);
    tell(id, what === 'failed' ? 'failed' : 'finished');
  }
}

/** From another tab: what was seen there; or it lacks, or tells, where an answer is being written. */
function hear(data) {
  if (data.whatRuns) tabs.postMessage({ runs: [...followed()] });
  else if (data.runs) for (const id of data.runs) noteAnswer(id, 'running');
  else noteAnswer(data, null);
}

function tell(id, state) {
  noteAnswer(id, state);
  if (!activity.value.has(id)) tabs?.postMessage(id); // it was seen here
}

/** What is on the screen is seen. */
function look() {
  const id = route.value.conversationId;
  const state = activity.value.get(id);
  if (state && state !== 'running' && document.visibilityState === 'visible') tell(id, state);
}

function restore() {
  try {
    const [owner, entries, at] = JSON.parse(read(localStorage, 'activity') ?? '[]');
    if (owner !== session.value.userId) return;
    const known = entries.filter(([, state]) => state !== 'running' || Date.now() - at < LONGEST_MS);
    activity.value = new Map([...known, ...activity.value]);
  } catch {
    // what cannot be read was nothing that matters
  }
}
