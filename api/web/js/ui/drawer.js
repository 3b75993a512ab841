// Showing and hiding the list: beside the conversation, or on a narrow page as a drawer over it, which keeps the focus.

import { signal } from '../../vendor/signals.mjs';
import { drawerOpen, sidebarHidden } from '../state.js';
import { useLayoutEffect } from './html.js';

const media = matchMedia('(max-width: 760px)');
export const narrow = signal(media.matches);
media.addEventListener('change', () => (narrow.value = media.matches));

export function showList() {
  drawerOpen.value = narrow.value;
  sidebarHidden.value = false;
}

export function hideList() {
  drawerOpen.value = false;
  if (narrow.value) return;
  sidebarHidden.value = true;
  focusOn('.show-list');
}

/** Focus goes into an open drawer; afterwards it is where one went, or on the button that opened it. */
export function useDrawer() {
  const open = drawerOpen.value && narrow.value;
  useLayoutEffect(() => {
    if (!open) return undefined;
    const from = location.pathname;
    queueMicrotask(() => document.querySelector('.sidebar')?.contains(document.activeElement) || focusOn('.new-chat'));
    return () => {
      // What one went to may have the focus already: the field of a new chat.
      if (location.pathname === from) focusOn('.show-list');
      else queueMicrotask(() => document.querySelector('#main')?.contains(document.activeElement) || focusOn('#main'));
    };
  }, [open]);
  return open;
}

/** Focuses it once what has just changed is in the page: after this task, before the next key. */
export function focusOn(selector) {
  const found = () => document.querySelector(selector);
  const focus = () => found()?.focus({ preventScroll: true });
  queueMicrotask(() => {
    focus();
    // Only what is not in the page yet is waited for, unless something else has been focused meanwhile.
    if (!found()) requestAnimationFrame(() => document.activeElement === document.body && focus());
  });
}
