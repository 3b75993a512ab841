// What an earlier visit left unsent: it is sent as soon as somebody is signed in, wherever they are on the page.

import { pendingOf, waitingIn } from './pending.js';
import { drain, queuedIn } from './queue.js';
import { send } from './turns.js';

export function sendWhatWaits() {
  for (const conversation of waitingIn()) for (const command of pendingOf(conversation)) send(conversation, command);
  for (const conversation of queuedIn()) drain(conversation);
}
