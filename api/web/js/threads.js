// Which conversation is on the page, and how a new one begins.

import { newKey } from './api.js';
import { asking, noteSettings, settingsOf } from './asking.js';
import { conversationIdOf } from './derived.js';
import { go } from './router.js';
import { session } from './state.js';
import { Thread } from './thread.js';

let current = null;

/** The conversation on the page, for shortcuts; null if there is none. */
export const currentThread = () => current;

/** The one of this id, on the page from now on. */
export function threadOf(conversationId, at) {
  if ((current?.id ?? null) !== conversationId) {
    place(conversationId ? new Thread(conversationId) : null);
    current?.load(at);
  }
  return current;
}

function place(thread) {
  current?.close();
  current = thread;
  return thread;
}

/** Begins a conversation, with the settings that wait for it. It has its address at once; the server is asked for it as often as that takes. `second`: another model that is asked too. */
export function beginChat(content, model, { temporary = false, second = null } = {}) {
  const key = newKey();
  const id = conversationIdOf(session.value.userId, key);
  const thread = place(new Thread(id));
  thread.known.value = true; // it has none
  const asked = asking(null, model);
  const settings = settingsOf(null);
  noteSettings(null, {});
  const begin = { key, ...(model ? { model } : {}), ...(temporary ? { temporary } : {}), ...(Object.keys(settings).length > 0 ? { settings } : {}) };
  thread.say(content, null, model, { begin, asked, second });
  go(`/c/${id}`);
  return thread;
}
