// What is said of an error to people. The server's own words are for those who mend it, and for what has none here.

import { tOr } from './words.js';

/**
 * In whole sentences, what an answer with an error says. `status` 0: none came. What people can do nothing about by
 * asking differently is said by its code; the rest, such as a setting out of range, as the server says it.
 */
export function problem({ status, code, message = '', retryAfterS = 0 }) {
  if (status === 429 && code !== 'insufficient_quota') return tOr(retryAfterS ? 'problem.limited-for' : 'problem.limited', message, { seconds: retryAfterS });
  const known = tOr(`problem.${code}`, '');
  if (known) return known;
  if (status >= 500) return tOr(status === 503 ? 'problem.503' : 'problem.500', message);
  return sentence(message) || (status === 0 && tOr('problem.unreachable', '')) || tOr('problem.other', '', { status });
}

/** A text as a sentence: it begins with a capital letter and ends with a full stop. */
export const sentence = (text) => {
  const whole = text.trim().replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  return whole && !/[.!?…。]$/u.test(whole) ? `${whole}.` : whole;
};

/** What another model may do better than the one that failed for good. */
const ELSEWHERE = ['context_length_exceeded', 'engine_auth', 'engine_misconfigured', 'engine_rejected', 'image_missing', 'invalid_request', 'model_not_found', 'unrecordable'];

/** Whether asking the same again can help; with `elsewhere`, perhaps another model. */
export const helps = ({ code, retryable = true }, elsewhere = false) => retryable || (elsewhere && ELSEWHERE.includes(code));
