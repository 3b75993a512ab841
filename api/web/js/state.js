// What the whole page knows. Signals only; who changes them is in the modules named after the thing.

import { signal } from '../vendor/signals.mjs';

/** undefined: not known yet; null: nobody is signed in. */
export const session = signal(undefined);
/** Why the sign-in card is there, in words; '' for none. */
export const signInReason = signal('');
export const models = signal([]);
/** Which model makes titles; null: none does. */
export const titles = signal(null);
/** The prompts that this installation offers to begin with; none: the page's own. */
export const offeredStarts = signal([]);
/** Whether the server answered last time it was asked, and whether the browser says it is offline. */
export const reachable = signal(true);
export const online = signal(navigator.onLine);
/** How many streams are trying to come back. */
export const reconnecting = signal(0);
export const toasts = signal([]);
/** What a screen reader is told. */
export const announcement = signal('');
/** The dialog on top: null or {kind, …}. */
export const dialog = signal(null);
export const drawerOpen = signal(false);
export const sidebarHidden = signal(false);
export const logOpen = signal(false);
/** Set by the log view: {conversationId, label, messages}, shown instead of the conversation, read-only. */
export const pastView = signal(null);

addEventListener('online', () => (online.value = true));
addEventListener('offline', () => (online.value = false));

let toastNumber = 0;
export function toast(text, action) {
  const id = (toastNumber += 1);
  toasts.value = [...toasts.value.slice(-2), { id, text, action }];
  setTimeout(() => dismiss(id), action ? 10_000 : 4000);
}
export function dismiss(id) {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}
