// Where the focus goes when what had it is gone: never nowhere.

import { useLayoutEffect } from './html.js';

const COMPOSER = '[data-testid=composer]';
const FALLBACKS = [COMPOSER, '[data-testid=new-chat]', '.main'];

/** Focuses the first of these that is there, unless something has the focus: before the next key, and once more when
 * the page has been drawn again, for what has gone by then. */
export function settleFocus(...wanted) {
  const settle = () => {
    const now = document.activeElement;
    if (now && now !== document.body && now.isConnected) return;
    for (const each of [...wanted, ...FALLBACKS]) {
      const element = typeof each === 'string' ? document.querySelector(each) : each?.isConnected ? each : null;
      if (!element || element.closest('[inert]') || element.checkVisibility?.() === false) continue;
      element.focus();
      if (document.activeElement === element) return;
    }
  };
  queueMicrotask(settle);
  requestAnimationFrame(() => requestAnimationFrame(settle));
}

/** A field that stands for a while where something else was: the focus goes back to where it came from, or near it. */
export function useReturn(field, near) {
  useLayoutEffect(() => {
    const before = document.activeElement === field.current ? null : document.activeElement;
    const home = field.current.closest('article, li');
    return () => settleFocus(before === document.body ? null : before, home?.isConnected ? `#${CSS.escape(home.id)} ${near}` : null);
  }, []);
}
