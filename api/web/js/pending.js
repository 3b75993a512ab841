// Commands that the server may not have yet. Any tab of this browser may send them: their keys make that once.

import { names, read, write } from './kept.js';

const NAME = 'pending.';

/** Those of a conversation, oldest first. */
export const pendingOf = (conversation) => JSON.parse(read(localStorage, NAME + conversation) ?? '[]');

export function keepPending(conversation, command) {
  const others = pendingOf(conversation).filter(({ key }) => key !== command.key);
  write(localStorage, NAME + conversation, JSON.stringify([...others, command]));
}

export function dropPending(conversation, key) {
  const others = pendingOf(conversation).filter((each) => each.key !== key);
  write(localStorage, NAME + conversation, others.length > 0 && JSON.stringify(others));
}

const KEPT = /^verbatim\.pending\.(.+)$/;
/** The conversations in which something waits to be sent. */
export const waitingIn = () => names(localStorage).map((name) => KEPT.exec(name)?.[1]).filter(Boolean);
