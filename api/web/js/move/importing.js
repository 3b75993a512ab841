// The import as the page sees it: a file is read, some of what is in it is chosen, and sent one conversation at a time.

import { signal } from '../../vendor/signals.mjs';
import { post } from '../api.js';
import { loadConversations } from '../listing.js';
import { session } from '../state.js';

const MAX_TRIES = 6;
const LONGEST_WAIT_MS = 30_000;

/**
 * null, or {step: reading | choosing | sending | stopped | done | failed, …}. `found`: summaries of conversations;
 * `chosen`: indices of them; `results`: index -> {added, isNew} or {error}.
 */
export const importing = signal(null);
let worker = null;
let control = null;
let owner = null;

// Another user does not see what was read.
session.subscribe((who) => importing.peek() && who && who.userId !== owner && forget());

export function startReading(file) {
  forget();
  owner = session.value?.userId;
  importing.value = { step: 'reading', name: file.name, part: 0, count: 0 };
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => {
    if ('reading' in data) importing.value = { ...importing.value, part: data.reading, count: data.count };
    else if (data.found) readToTheEnd(data);
    else if (data.failed) importing.value = { step: 'failed', name: file.name };
  };
  worker.onerror = () => (importing.value = { step: 'failed', name: file.name });
  worker.postMessage({ file });
}

function readToTheEnd({ found, problems }) {
  const usable = found.filter(({ left }) => !left);
  importing.value = { step: 'choosing', name: importing.value.name, found, problems, chosen: new Set(usable.map(({ index }) => index)), results: new Map() };
}

export function choose(indices, on) {
  const chosen = new Set(importing.value.chosen);
  for (const index of indices) chosen[on ? 'add' : 'delete'](index);
  importing.value = { ...importing.value, chosen };
}

/** Everything of the import is forgotten; what has been sent stays. */
export function forget() {
  control?.abort();
  worker?.terminate();
  worker = null;
  importing.value = null;
}

export const stop = () => control?.abort();

/** Sends what is chosen and has not been sent. What stops it is said, and it can be gone on with. */
export async function send() {
  const mine = (control = new AbortController());
  importing.value = { ...importing.value, step: 'sending', error: null };
  const waiting = importing.value.found.filter(({ index }) => importing.value.chosen.has(index) && !importing.value.results.get(index)?.done);
  try {
    for (const { index } of waiting) {
      const result = await sendOne(index, mine.signal);
      if (mine.signal.aborted) break;
      const results = new Map(importing.value.results).set(index, result);
      importing.value = { ...importing.value, results };
    }
    await loadConversations();
    if (importing.value) importing.value = { ...importing.value, step: mine.signal.aborted ? 'stopped' : 'done' };
  } catch (error) {
    if (importing.value) importing.value = { ...importing.value, step: 'stopped', error: mine.signal.aborted ? null : error };
  }
}

/** {done, added, isNew}, or {done, error} where the server refuses it. Raises where it cannot be asked. */
async function sendOne(index, aborted) {
  const requests = await requestsOf(index);
  let added = 0;
  let isNew = false;
  for (const request of requests) {
    try {
      const answer = await patiently(() => post('/api/v1/conversations/import', request, { signal: aborted }), aborted);
      added += answer.added;
      isNew ||= answer.isNew;
    } catch (error) {
      if (aborted.aborted || error.status === undefined || error.status === 0 || error.status === 401 || error.retryable) throw error;
      return { done: true, error };
    }
  }
  return { done: true, added, isNew };
}

function requestsOf(index) {
  return new Promise((resolve) => {
    const take = ({ data }) => {
      if (data.index !== index || !data.requests) return;
      worker.removeEventListener('message', take);
      resolve(data.requests);
    };
    worker.addEventListener('message', take);
    worker.postMessage({ index });
  });
}

async function patiently(ask, aborted) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!error.retryable || error.status === 0 || tries === MAX_TRIES || aborted.aborted) throw error;
      const ms = Math.min(LONGEST_WAIT_MS, error.retryAfterS * 1000 || 500 * 2 ** tries);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        aborted.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
      });
    }
  }
}
