// The user's settings, as signals. They are true at once, from a copy in the browser; settings/keeping.js keeps them at
// the server.

import { batch, computed, effect, signal } from '../vendor/signals.mjs';
import { read, write } from './kept.js';

export const MIN_TEXT_SIZE = 80;
export const MAX_TEXT_SIZE = 150;
export const MAX_SYSTEM_PROMPT = 8000;
export const MAX_STARTS = 6;
export const MAX_START = 500;

const oneOf = (...values) => (value) => values.includes(value);
const text = (value) => typeof value === 'string' && value !== '';
const flag = (value) => typeof value === 'boolean';
/** By name: what holds where nothing was chosen, and which values can be true. Others count as not chosen. */
const KNOWN = {
  theme: ['system', oneOf('system', 'light', 'dark')],
  language: [null, text],
  defaultModel: [null, text],
  systemPrompt: ['', text],
  sendKey: ['enter', oneOf('enter', 'mod-enter')],
  textSize: [100, (value) => value >= MIN_TEXT_SIZE && value <= MAX_TEXT_SIZE],
  notifications: [false, flag],
  sound: [false, flag],
  starts: [null, (value) => Array.isArray(value) && value.length > 0 && value.every(text)],
};
/** How this browser looks: kept when its user signs out. */
const LOOK = ['theme', 'language', 'textSize'];

/** What the server has, and what it has not got yet (null: the default again). */
export const saved = signal({});
export const unsent = signal({});
/** How many changes were made in this tab. */
export const changed = signal(0);
/** Whether the server keeps no settings (yet), so that they are this browser's alone. */
export const onlyHere = signal(false);

const preference = (name) => {
  const [otherwise, possible] = KNOWN[name];
  return computed(() => {
    const value = name in unsent.value ? unsent.value[name] : saved.value[name];
    return possible(value) ? value : otherwise;
  });
};
/** 'system', 'light' or 'dark'. */
export const theme = preference('theme');
/** The chosen language; null: the browser's. */
export const language = preference('language');
/** The model of new conversations; null: the one that was used last. */
export const defaultModel = preference('defaultModel');
/** "How should it answer?": '' for nothing. */
export const systemPrompt = preference('systemPrompt');
/** What sends: 'enter' or 'mod-enter'. */
export const sendKey = preference('sendKey');
/** In percent. */
export const textSize = preference('textSize');
export const notifications = preference('notifications');
export const sound = preference('sound');
/** The prompts to begin with; null: those that come along. */
export const starts = preference('starts');

const finePointer = matchMedia('(pointer: fine)');
/** Whether a press of a key sends what is written. On a touch screen Enter is a new line. */
export const sends = (event) => event.key === 'Enter' && !event.shiftKey && !event.altKey &&
  (event.ctrlKey || event.metaKey || (sendKey.value === 'enter' && finePointer.matches));

const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', () => (systemDark.value = system.matches));
export const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'dark'));
/** The other theme; back on the system's own, the system is followed again. */
export function toggleTheme() {
  const next = dark.value ? 'light' : 'dark';
  change({ theme: (next === 'dark') === systemDark.value ? null : next });
}

const parsed = (name) => {
  try {
    return JSON.parse(read(localStorage, name)) ?? {};
  } catch {
    return {};
  }
};
export function readCopy() {
  const { values = {}, changes = {} } = parsed('settings');
  batch(() => {
    saved.value = { ...parsed('look'), ...values };
    unsent.value = changes;
  });
}
export function keepCopy() {
  const look = LOOK.map((name) => [name, unsent.value[name] === undefined ? saved.value[name] : unsent.value[name]]);
  write(localStorage, 'look', JSON.stringify(Object.fromEntries(look.filter(([, value]) => value !== undefined && value !== null))));
  write(localStorage, 'settings', JSON.stringify({ values: saved.value, changes: unsent.value }));
  write(localStorage, 'language', language.value);
}
readCopy();
// Where it was kept before there were settings.
if (read(localStorage, 'theme')) {
  unsent.value = { theme: read(localStorage, 'theme'), ...unsent.value };
  write(localStorage, 'theme', null);
  keepCopy();
}
addEventListener('storage', ({ key }) => key === 'verbatim.settings' && readCopy());

effect(() => {
  const { documentElement: { dataset, style } } = document;
  if (theme.value === 'system') delete dataset.theme;
  else dataset.theme = theme.value;
  style.fontSize = textSize.value === 100 ? '' : `${textSize.value}%`;
});

/** Changes settings; null is the default again. They hold at once; settings/keeping.js tells the server. */
export function change(changes) {
  unsent.value = { ...unsent.value, ...changes };
  keepCopy();
  changed.value += 1;
}
