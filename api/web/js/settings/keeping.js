// Keeps the settings at the server, the same in each browser: sends what was changed here, reads what was changed
// elsewhere. Loaded beside the first answers.

import { batch } from '../../vendor/signals.mjs';
import { get, newKey, patch } from '../api.js';
import { concernsAll, onChange } from '../changes.js';
import { read } from '../kept.js';
import { whole } from '../meanwhile.js';
import { changed, keepCopy, language, onlyHere, readCopy, saved, unsent } from '../preferences.js';
import { complain, online, reachable, session, toast } from '../state.js';
import { language as spoken, LANGUAGES, moreWords, t } from '../words.js';

const NOTHING = '{}';

let sending = null;
/** Resolves when the server has what was changed here, or cannot have it now. Never raises. */
export const sent = () => (sending ??= alone(send).finally(() => (sending = null)));

/** One tab after the other: what one has sent is no other's to send. */
const alone = async (action) => (navigator.locks ? navigator.locks.request('verbatim-settings', action) : action());

async function send() {
  if (read(localStorage, 'settings')) readCopy();
  while (session.value && JSON.stringify(unsent.value) !== NOTHING) {
    const changes = unsent.value;
    try {
      const { settings } = await patch('/api/v1/settings', { settings: changes }, { key: newKey() });
      take(changes, settings);
      atServer.changed();
      onlyHere.value = false;
    } catch (error) {
      onlyHere.value = notKept(error);
      if (onlyHere.value || error.retryable || error.status === 401) return;
      take(changes, saved.value); // it will never take them
      complain(error);
    }
  }
}

/** These are what the server has. What was changed meanwhile stays to be sent. */
function take(changes, settings) {
  batch(() => {
    saved.value = settings;
    unsent.value = Object.fromEntries(Object.entries(unsent.value).filter(([name, value]) => changes[name] !== value));
  });
  keepCopy();
}

/** A server without settings, or one that an upgrade still keeps from writing them. */
const notKept = ({ status, code }) => status === 404 || status === 405 || code === 'unsupported_parameter';

/** Whether this tab made a change that is not sent. What closed tabs left is sent by those that are opened then. */
let mine = true;

const atServer = whole(() => get('/api/v1/settings', { quiet401: true }).then(
  ({ settings }) => () => take({}, settings),
  (error) => () => {
    if (notKept(error)) onlyHere.value = true;
  },
));

async function load() {
  if (!session.value) return;
  if (mine) await sent();
  mine = JSON.stringify(unsent.value) !== NOTHING && mine;
  await atServer.again();
}

/** Keeps the settings those of who is signed in. */
export function followServer() {
  let owner = null;
  session.subscribe((who) => {
    if (!who || who.userId === owner) return;
    owner = who.userId;
    readCopy(); // what another user left was forgotten
    load().then(speak);
  });
  changed.subscribe((changes) => {
    if (changes === 0) return;
    mine = true;
    sent();
  });
  onChange((change) => (change.kind === 'settings' || concernsAll(change)) && load().then(speak));
  for (const back of [online, reachable]) back.subscribe((is) => is && load());
}

/** Words are loaded with the page: those of another language are there when it is loaded again. */
async function speak() {
  const chosen = language.value;
  if (!chosen || !(chosen in LANGUAGES) || chosen === spoken) return;
  await moreWords();
  toast(t('settings.language', { language: LANGUAGES[chosen] }), { label: t('settings.reload'), run: () => location.reload() });
}
