// Sends the queue of a conversation: the next prompt when the answer before it is complete. One tab does it at a time;
// another one takes over where it ended. Two that send the same command are one turn, as it carries the same key.

import { get } from './api.js';
import { LiveAnswer, liveOf } from './live.js';
import { changeQueue, queueNow } from './queue.js';
import { currentThread } from './threads.js';
import { send } from './turns.js';

const draining = new Set();
const AGAIN_MS = 3000;
const MAX_TRIES = 200;

export async function drain(conversation) {
  if (draining.has(conversation)) return;
  draining.add(conversation);
  try {
    const alone = () => sendAll(conversation);
    await (navigator.locks ? navigator.locks.request(`verbatim.queue.${conversation}`, alone) : alone());
  } finally {
    draining.delete(conversation);
  }
}

const mayGoOn = ({ items, held }) => items.length > 0 && !held;

async function sendAll(conversation) {
  while (mayGoOn(queueNow(conversation))) {
    const { after } = queueNow(conversation);
    const ended = await ending(conversation, after);
    const now = queueNow(conversation);
    if (now.after !== after) continue; // the user has said otherwise meanwhile
    if (!mayGoOn(now)) return;
    if (ended !== 'completed' && !now.go) return changeQueue(conversation, () => ({ held: true }));
    const [{ key, content, asked }] = now.items;
    // From here on it is kept as every prompt on its way is.
    const live = begin(conversation, { kind: 'message', key, content, asked, parent: after });
    changeQueue(conversation, ({ items }) => ({ items: items.filter((each) => each.key !== key), after: live.id, go: false }));
  }
}

/** Sends one, in the view if it goes on there. */
function begin(conversation, command) {
  const thread = currentThread();
  if (thread?.id !== conversation) return send(conversation, command);
  if (thread.state.peek() === 'ready' && !thread.live && thread.leafId === command.parent) return thread.submit(command);
  const live = send(conversation, command);
  live.started.then(() => thread.sync());
  return live;
}

/** How an answer ended, once it has: 'completed', 'cancelled', 'failed'; 'none' where the server never began it. */
async function ending(conversation, answer) {
  if (answer === null) return 'completed';
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const live = liveOf(answer);
    if (live) return endingOf(await live.over);
    try {
      const page = await get(`/api/v1/conversations/${conversation}/branch?leaf=${answer}&limit=1`, { quiet401: true });
      const status = page.data.at(-1)?.status;
      if (status !== 'running') return status;
      if (!liveOf(answer)) LiveAnswer.join(answer, conversation, {});
    } catch (error) {
      if (error.status === 404 || error.status === 400) return 'none';
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
  return 'failed';
}

const endingOf = ({ lost, error, finishReason }) => (lost ? 'none' : error ? 'failed' : finishReason === 'cancelled' ? 'cancelled' : 'completed');
