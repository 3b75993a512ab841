// Showing and hiding the list: beside the conversation, or on a narrow page as a drawer over it, which keeps the focus.

import { signal } from '../../vendor/signals.mjs';
import { drawerOpen, sidebarHidden } from '../state.js';
import { useEffect } from './html.js';

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
  useEffect(() => {
    if (!open) return undefined;
    const from = location.pathname;
    if (!document.querySelector('.sidebar').contains(document.activeElement)) focusOn('.new-chat');
    return () => focusOn(location.pathname === from ? '.show-list' : '#main');
  }, [open]);
  return open;
}

/** After what is being drawn is there. */
export const focusOn = (selector) => requestAnimationFrame(() => document.querySelector(selector)?.focus({ preventScroll: true }));
