// The address decides what is shown: `/`, `/c/ID`, `/settings/SECTION`, `/admin/SECTION`, `/pulse`, `/signin`; anything else is not found.

import { signal } from '../vendor/signals.mjs';

const CONVERSATION = /^\/c\/([0-9a-f-]{36})$/;
const MESSAGE = /^[0-9a-f-]{36}$/;
const SECTIONS = /^\/(settings|admin)(?:\/([a-z-]+))?$/;
const PAGES = { '/': 'chat', '/pulse': 'pulse', '/signin': 'signin' };

export const route = signal(read());

export function go(path, { replace = false } = {}) {
  if (path !== location.pathname + location.search) history[replace ? 'replaceState' : 'pushState'](null, '', path);
  route.value = read();
}

addEventListener('popstate', () => (route.value = read()));

function read() {
  const conversation = CONVERSATION.exec(location.pathname);
  if (conversation) {
    const at = new URLSearchParams(location.search).get('at');
    return { page: 'chat', conversationId: conversation[1], at: MESSAGE.test(at ?? '') ? at : null };
  }
  const [, page, section] = SECTIONS.exec(location.pathname) ?? [];
  if (page) return { page, section: section ?? null, conversationId: null, at: null };
  return { page: PAGES[location.pathname] ?? 'missing', conversationId: null, at: null };
}
