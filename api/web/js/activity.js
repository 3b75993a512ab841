// In which conversations an answer is being written, and which have one that nobody has seen yet.

import { signal } from '../vendor/signals.mjs';
import { route } from './router.js';

const MAX_NOTED = 200;

/** By conversation: 'running' while an answer is being written, 'finished' or 'failed' until somebody has seen it. */
export const activity = signal(new Map());

/** `state` null: nothing. What ends before somebody's eyes is seen. */
export function noteAnswer(id, state) {
  const eyes = route.value.conversationId === id && document.visibilityState === 'visible';
  const next = state && state !== 'running' && eyes ? null : state;
  if ((activity.value.get(id) ?? null) === next) return;
  const now = new Map(activity.value);
  now.delete(id);
  if (next) now.set(id, next);
  activity.value = new Map([...now].slice(-MAX_NOTED));
}
