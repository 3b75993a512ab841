// What tells of answers while one is elsewhere: a mark in the title and on the icon of the tab, a notification, a sound.
// Loaded once the page is there.

import { computed, effect } from '../vendor/signals.mjs';
import { activity } from './activity.js';
import { onChange } from './changes.js';
import { conversationOf, nameOf } from './conversations.js';
import { notifications, sound } from './preferences.js';
import { go, route } from './router.js';
import { play } from './sound.js';
import { moreWords, t } from './words.js';

const MARKS = { finished: '● ', running: '… ' };
const LOOKING = 'verbatim-looking';
const TELLING_MS = 2000;
/** What ends sooner is waited for; and what is told of late, with its end, plays no sound. */
const SHORT_MS = 1000;
const MAX_BEGUN = 200;

export function followAnswers() {
  markTab();
  route.subscribe(look);
  document.addEventListener('visibilitychange', look);
  onChange(hear);
  navigator.serviceWorker?.addEventListener('message', ({ data }) => data.show && go(data.show));
}

/** The tab's title and icon say what goes on in any of the conversations. */
function markTab() {
  const icon = document.querySelector('link[rel=icon][type="image/svg+xml"]');
  const states = computed(() => new Set(activity.value.values()));
  const mark = computed(() => (states.value.has('finished') || states.value.has('failed') ? 'finished' : states.value.has('running') ? 'running' : ''));
  let given = document.title;
  let shown = null;
  const show = () => {
    shown = (MARKS[mark.value] ?? '') + given;
    if (document.title !== shown) document.title = shown;
  };
  new MutationObserver(() => {
    if (document.title === shown) return;
    given = document.title;
    show();
  }).observe(document.querySelector('title'), { childList: true });
  effect(() => {
    icon.href = new URL(mark.value ? `../favicon-${mark.value}.svg` : '../favicon.svg', import.meta.url).href;
    show();
  });
}

let leave = () => {};
/** Other tabs know from a lock that somebody looks at this one, and at which conversation. */
function look() {
  leave();
  if (document.visibilityState !== 'visible') return;
  let left = false;
  leave = () => (left = true);
  navigator.locks?.request(`${LOOKING} ${route.value.conversationId}`, { mode: 'shared' }, () => left || new Promise((resolve) => (leave = resolve)));
}

const begun = new Map();
function hear({ kind, conversationId: id, what, title }) {
  if (kind !== 'conversation') return;
  if (what === 'prompted') {
    begun.set(id, Date.now());
    if (begun.size > MAX_BEGUN) begun.delete(begun.keys().next().value);
  } else if (what === 'answered' || what === 'failed') {
    const at = begun.get(id);
    begun.delete(id);
    tell(id, what, title, Date.now() - at > SHORT_MS);
  }
}

/** Tells once, by one tab, of an answer that nobody looks at. */
async function tell(id, what, title, long) {
  if (!navigator.locks || !(notifications.value || (sound.value && long))) return;
  await navigator.locks.request(`verbatim-tell-${id}`, { ifAvailable: true }, async (mine) => {
    if (!mine) return;
    const looking = (await navigator.locks.query()).held.filter(({ name }) => name.startsWith(LOOKING));
    if (sound.value && long && !looking.some(({ name }) => name.endsWith(id))) play();
    if (notifications.value && looking.length === 0) await notify(id, what, title);
    await new Promise((resolve) => setTimeout(resolve, TELLING_MS)); // until the other tabs have heard of it too
  });
}

/** It says in which conversation, and nothing of what was written there. */
async function notify(id, what, title) {
  if (globalThis.Notification?.permission !== 'granted') return;
  await moreWords();
  const known = conversationOf(id);
  const options = { body: t(what === 'failed' ? 'notice.failed' : 'notice.answered'), tag: id, icon: new URL('../icons/icon-192.png', import.meta.url).href, data: `/c/${id}` };
  const name = title || (known ? nameOf(known) : 'Verbatim');
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active) return worker.showNotification(name, options);
  const shown = new Notification(name, options);
  shown.onclick = () => {
    focus();
    go(options.data);
    shown.close();
  };
}
