// The address decides what is shown: `/`, `/c/ID`, `/pulse`, `/signin`.

import { signal } from '../vendor/signals.mjs';

export const route = signal(read());

export function go(path, { replace = false } = {}) {
  if (path !== location.pathname + location.search) history[replace ? 'replaceState' : 'pushState'](null, '', path);
  route.value = read();
}

addEventListener('popstate', () => (route.value = read()));

function read() {
  const conversation = /^\/c\/([^/]+)$/.exec(location.pathname);
  if (conversation) {
    const at = new URLSearchParams(location.search).get('at');
    return { page: 'chat', conversationId: decodeURIComponent(conversation[1]), at };
  }
  if (location.pathname === '/pulse') return { page: 'pulse', conversationId: null, at: null };
  return { page: location.pathname === '/signin' ? 'signin' : 'chat', conversationId: null, at: null };
}
