// Server-sent events over fetch that come back: after a drop they go on from the last id. A request that creates
// something is repeated, with the same key, only until its first frame; from then on its stream has an address.

import { createParser } from '../vendor/eventsource-parser.mjs';
import { ApiError, request, signedIn } from './api.js';
import { reconnecting, tellWait } from './state.js';

const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const HEARTBEAT_MS = 15_000;
const SILENCE_MS = 3 * HEARTBEAT_MS;
const MAX_TRIES = 120;

/**
 * onEvent({event, data, id}): each frame, once, in order. onState(state, error): 'connecting', 'open', 'reconnecting',
 * 'done', or 'failed' with an ApiError. `first(signal)`: what must be done before the request, until it has been done once;
 * it fails as the request does. `resumeAt(frame)`: the address to resume at, from the first frame; without it,
 * `url` itself. `isLast(frame)`: the stream is complete; without it, it never is. `quiet`: nobody waits for it, so
 * that it comes back without a word, and is not given up. Returns {close}.
 */
export function openStream({ url, method = 'GET', body, key, lastId, first, onEvent, onState = () => {}, resumeAt, isLast, quiet = false }) {
  const control = new AbortController();
  run();
  return { close: () => control.abort() };

  async function run() {
    let tries = 0;
    let address = null;
    let waiting = false;
    onState('connecting');
    const away = (is) => {
      if (quiet) return;
      if (is !== waiting) reconnecting.value += is ? 1 : -1;
      waiting = is;
      if (!is) tellWait(control, null);
    };
    try {
      while (!control.signal.aborted) {
        const result = await once(address).catch((error) => ({ error }));
        if (control.signal.aborted) return;
        address = result.address ?? address;
        if (result.done) return onState('done');
        if (result.progress) tries = 0;
        const { error } = result;
        if (error?.status === 401) {
          away(true);
          onState('reconnecting');
          await signedIn(control.signal);
          continue;
        }
        if (error && !error.retryable) return onState('failed', error);
        if ((tries += 1) > MAX_TRIES && !quiet) return onState('failed', error ?? gone());
        away(true);
        onState('reconnecting', error);
        const ms = Math.max((error?.retryAfterS ?? 0) * 1000, wait(tries));
        if (!quiet) tellWait(control, error && error.status > 0 ? { error, sends: method !== 'GET' && !address, untilMs: Date.now() + ms } : null);
        await pause(ms, control.signal);
      }
    } finally {
      away(false);
    }

    async function once(resumed) {
      let progress = false;
      let found = null;
      const attempt = new AbortController();
      const abort = () => attempt.abort();
      control.signal.addEventListener('abort', abort);
      let watch = setTimeout(abort, SILENCE_MS);
      let heardAt = Date.now();
      const alive = () => {
        clearTimeout(watch);
        heardAt = Date.now();
        watch = setTimeout(abort, SILENCE_MS);
      };
      // A connection from before a sleep, or of another network, looks open and never says anything again.
      const doubt = () => document.visibilityState === 'visible' && Date.now() - heardAt > HEARTBEAT_MS * 1.5 && abort();
      addEventListener('online', abort);
      document.addEventListener('visibilitychange', doubt);
      try {
        if (first) await first(attempt.signal);
        first = null;
        const headers = lastId === undefined || lastId === null ? {} : { 'Last-Event-ID': String(lastId) };
        const answer = resumed || method === 'GET'
          ? await request('GET', resumed ?? url, undefined, { headers, signal: attempt.signal })
          : await request(method, url, body, { key, signal: attempt.signal });
        away(false);
        onState('open');
        let done = false;
        const parser = createParser({
          onEvent(frame) {
            if (done) return;
            progress = true;
            lastId = frame.id ?? lastId;
            const event = { event: frame.event ?? 'message', data: JSON.parse(frame.data), id: frame.id };
            found ??= resumeAt?.(event) ?? null;
            onEvent(event);
            done = isLast?.(event) ?? false;
          },
        });
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { value, done: over } = await reader.read();
          if (over) break;
          alive();
          parser.feed(value);
          if (done) {
            reader.cancel().catch(() => {});
            break;
          }
        }
        return { done, progress, address: found };
      } catch (error) {
        return { error: error instanceof ApiError ? error : null, progress, address: found };
      } finally {
        clearTimeout(watch);
        removeEventListener('online', abort);
        document.removeEventListener('visibilitychange', doubt);
        control.signal.removeEventListener('abort', abort);
      }
    }
  }
}

const gone = () => new ApiError(0, 'gone', '', true);
const wait = (tries) => Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** (tries - 1)) * (0.75 + Math.random() / 2);

/** Ends early when the browser is online again or the page is looked at again. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      document.removeEventListener('visibilitychange', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
    document.addEventListener('visibilitychange', end);
    signal.addEventListener('abort', end);
  });
}
