// Prompts that wait until the answer before them is complete. They are kept on this device and sent in order, by one tab.

import { signal } from '../vendor/signals.mjs';
import { newKey } from './api.js';
import { names, read, write } from './kept.js';
import { complain } from './state.js';
import { partMissing } from './ui/later.js';
import { t, withWords } from './words.js';

export const MAX_QUEUED = 20;
const NAME = 'queue.';
const NOTHING = { items: [], after: null, held: false, go: false };
const shown = new Map();

/** As it is kept now, also by another tab. */
export const queueNow = (conversation) => JSON.parse(read(localStorage, NAME + conversation) ?? 'null') ?? NOTHING;

/**
 * A signal of {items: [{key, content, asked}], after, held, go}. `after`: the answer that the first one follows; `held`:
 * nothing is sent until the user says so; `go`: it is sent however that answer ends.
 */
export function queueOf(conversation) {
  if (!shown.has(conversation)) shown.set(conversation, signal(queueNow(conversation)));
  return shown.get(conversation);
}

addEventListener('storage', ({ key }) => {
  for (const [conversation, queue] of shown) if (key === null || key === `verbatim.${NAME}${conversation}`) queue.value = queueNow(conversation);
  // The tab that sends it may be closed: then it is sent by this one.
  if (key?.startsWith(`verbatim.${NAME}`)) {
    const conversation = key.slice(`verbatim.${NAME}`.length);
    if (queueNow(conversation).items.length > 0) drain(conversation);
  }
});

/** Changes it, on what is kept now. */
export function changeQueue(conversation, change) {
  const now = { ...queueNow(conversation), ...change(queueNow(conversation)) };
  write(localStorage, NAME + conversation, now.items.length > 0 && JSON.stringify(now));
  queueOf(conversation).value = now.items.length > 0 ? now : NOTHING;
}

/** Puts a prompt at the end. `after`: the answer that is being written. False if there is no room. */
export function enqueue(conversation, { content, asked, after }) {
  const { items } = queueNow(conversation);
  if (items.length >= MAX_QUEUED) {
    complain(t('queue.full', { count: MAX_QUEUED }));
    return false;
  }
  changeQueue(conversation, (queue) => ({ items: [...queue.items, { key: newKey(), content, asked }], after: queue.items.length > 0 ? queue.after : after }));
  drain(conversation);
  return true;
}

export const rewrite = (conversation, key, content) => changeQueue(conversation, ({ items }) => ({ items: items.map((each) => (each.key === key ? { ...each, content } : each)) }));
export const withdraw = (conversation, key) => changeQueue(conversation, ({ items }) => ({ items: items.filter((each) => each.key !== key) }));

/** The texts of all that waits; none of it does any longer. */
export function takeQueue(conversation) {
  const { items } = queueNow(conversation);
  if (items.length > 0) changeQueue(conversation, () => ({ items: [] }));
  return items.map(({ content }) => content);
}

/** Goes on, with `key` first, after whatever answer `after` is, however it ends. */
export function sendQueued(conversation, after, key = null) {
  changeQueue(conversation, ({ items }) => ({ items: [...items].sort((one, other) => (other.key === key) - (one.key === key)), after, held: false, go: true }));
  drain(conversation);
}

/** Sends what waits, as soon as that may be. */
export function drain(conversation) {
  withWords(import('./draining.js')).then((module) => module.drain(conversation), partMissing);
}

/** The conversations in which prompts wait. */
export const queuedIn = () => names(localStorage).filter((name) => name.startsWith(`verbatim.${NAME}`)).map((name) => name.slice(`verbatim.${NAME}`.length));
