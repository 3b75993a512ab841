// What the whole page knows. Signals only; who changes them is in the modules named after the thing.

import { signal } from '../vendor/signals.mjs';
import { read, write } from './kept.js';

/** undefined: not known yet; null: nobody is signed in. */
export const session = signal(undefined);
/** Why the sign-in card is there, in words; '' for none. */
export const signInReason = signal('');
export const models = signal([]);
/** The prompts that this installation offers to begin with; none: the page's own. */
export const offeredStarts = signal([]);
/** Whether the server answered last time it was asked, and whether the browser says it is offline. */
export const reachable = signal(true);
export const online = signal(navigator.onLine);
/** How many streams are trying to come back. */
export const reconnecting = signal(0);
/** Streams that the server has told to wait: a key of each to {error, sends, untilMs}. */
export const told = signal(new Map());
export function tellWait(key, wait) {
  if (!wait && !told.value.has(key)) return;
  const now = new Map(told.value);
  if (wait) now.set(key, wait);
  else now.delete(key);
  told.value = now;
}
export const toasts = signal([]);
/** What a screen reader is told. */
export const announcement = signal('');
/** The dialog on top: null or {kind, …}. */
export const dialog = signal(null);
export const drawerOpen = signal(false);
/** Kept over a reload: the list's state for this browser, the log's for this tab. */
export const sidebarHidden = keptFlag(localStorage, 'list-hidden');
export const logOpen = keptFlag(sessionStorage, 'log-open');
/** All that is loaded is shown, as it goes to paper. */
export const printing = signal(false);
/** Set by the log view: {conversationId, label, messages}, shown instead of the conversation, read-only. */
export const pastView = signal(null);

addEventListener('online', () => (online.value = true));
addEventListener('offline', () => (online.value = false));

function keptFlag(store, name) {
  const flag = signal(read(store, name) === 'yes');
  flag.subscribe((on) => write(store, name, on && 'yes'));
  return flag;
}

const MAX_TOASTS = 3;
let toastNumber = 0;
/** A word in passing; with `action` {label, run} it stays for ten seconds. Returns its id. */
export function toast(text, action) {
  const id = show({ text, action });
  setTimeout(() => dismiss(id), action ? 10_000 : 4000);
  return id;
}
/** Something went wrong: this stays until it is dismissed. `problem`: an error, or a text; `action`: {label, run}. */
export function complain(problem, action) {
  const { message: text = problem, detail = '' } = problem;
  show({ text, detail: detail === text ? '' : detail, action, error: true });
}
function show(made) {
  const id = (toastNumber += 1);
  const others = toasts.value.filter((each) => each.text !== made.text || (each.action && !each.error));
  // Words in passing make room first.
  if (others.length >= MAX_TOASTS) others.splice(Math.max(0, others.findIndex((each) => !each.error)), 1);
  toasts.value = [...others, { id, ...made }];
  return id;
}
export function dismiss(id) {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}
