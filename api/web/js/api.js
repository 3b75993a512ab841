// The API over fetch: the CSRF header, positions, errors as one class, and what every answer says about the server.

import { noteBehind } from './changes.js';
import { notePosition, position } from './positions.js';
import { problem } from './problems.js';
import { reachable, session, signInReason } from './state.js';
import { t } from './words.js';

/** The header of an answer that lacks the newest. */
export const BEHIND = 'X-Verbatim-Behind';

export class ApiError extends Error {
  /**
   * `status` 0: no answer came. `retryable`: the same request, with the same key, may do better later. `detail`: what the
   * server said, where `message` says it in words for people.
   */
  constructor(status, code, message, retryable, retryAfterS = 0) {
    super(problem({ status, code, message, retryAfterS }));
    Object.assign(this, { status, code, detail: message, retryable, retryAfterS });
  }
}

export const get = (path, options) => json('GET', path, undefined, options);
export const post = (path, body, options) => json('POST', path, body ?? {}, options);
export const put = (path, body, options) => json('PUT', path, body, options);
export const patch = (path, body, options) => json('PATCH', path, body, options);
export const del = (path, options) => json('DELETE', path, undefined, options);

async function json(method, path, body, options = {}) {
  const answer = await request(method, path, body, options);
  return answer.status === 204 ? null : answer.json();
}

/** Nothing was done, because the server does not show yet what came before. */
const NOT_YET = 'projections_behind';
const TRIES = 4;

/** The response, if it is a good one. Raises ApiError; a 401 brings the sign-in card over the page. A command that
 * comes too early is sent again, a few times, with the same key. */
export async function request(method, path, body, options = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await once(method, path, body, options);
    } catch (error) {
      if (method === 'GET' || error.code !== NOT_YET || tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(error.retryAfterS || 1, 5) * 1000));
    }
  }
}

async function once(method, path, body, { headers = {}, signal, key, quiet401 = false }) {
  const sent = { ...headers };
  const seen = position();
  if (seen) sent['X-Verbatim-Position'] = seen;
  if (method !== 'GET') sent['X-Verbatim-CSRF'] = '1';
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  if (key) sent['Idempotency-Key'] = key;
  let answer;
  try {
    answer = await fetch(path, {
      method, signal, headers: sent, credentials: 'same-origin', cache: 'no-store',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    reachable.value = false;
    throw new ApiError(0, 'unreachable', '', true);
  }
  reachable.value = true;
  notePosition(answer.headers.get('X-Verbatim-Position'));
  if (method === 'GET' && answer.headers.has(BEHIND)) noteBehind();
  if (answer.ok) return answer;
  const error = await errorOf(answer);
  if (answer.status === 401 && !quiet401) signedOut(error);
  throw error;
}

/** A 429 that no waiting helps. */
const SPENT = 'insufficient_quota';

async function errorOf(answer) {
  const { error = {} } = await answer.json().catch(() => ({}));
  const limited = answer.status === 429 && error.code !== SPENT;
  const retryable = answer.headers.get('x-should-retry') === 'true' || limited || answer.status >= 500;
  return new ApiError(answer.status, error.code ?? '', error.message ?? '', retryable, Number(answer.headers.get('Retry-After')) || 0);
}

const REASONS = { session_expired: 'signin.expired', key_revoked: 'signin.revoked', session_ended: 'signin.ended' };

function signedOut(error) {
  const before = session.value;
  const why = REASONS[error.code];
  signInReason.value = why ? t(why) : before ? t('signin.again') : '';
  session.value = null;
}

/** Resolves when somebody is signed in. */
export function signedIn(signal) {
  return new Promise((resolve) => {
    if (session.value) return resolve();
    const stop = session.subscribe((value) => {
      if (!value) return;
      queueMicrotask(() => stop());
      resolve();
    });
    signal?.addEventListener('abort', () => resolve());
  });
}

export const newKey = () => crypto.randomUUID?.() ??
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
