// A generation again as it came: the same text in the same place of the conversation, at its own pace or another.

import { batch, effect, signal } from '../../vendor/signals.mjs';
import { get } from '../api.js';
import { Said } from '../said.js';
import { pastView } from '../state.js';
import { t } from '../words.js';
import { callOf } from './branch.js';
import { clock } from './units.js';

const LEAD_MS = 1500;
const BRANCH = 20;
let shows = 0;

/** When each chunk came and where in the text it ends: [[ms, end], …]; ends count characters as Unicode does. Pure. */
export function endsOf(chunks) {
  let end = 0;
  return chunks.map(([, ms, characters]) => [ms, (end += characters)]);
}

/** How many of `ends` have come by then. Pure. */
export function reached(ends, ms) {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle][0] <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Parts with `start` and `end`, their places in the whole text. Pure. */
export function placesOf(parts) {
  let end = 0;
  return parts.map((part) => ({ ...part, start: end, end: (end += [...part.text].length) }));
}

/** The messages up to the answer of a generation. Raises ApiError. */
export async function branchTo(conversationId, generationId) {
  return (await get(`/api/v1/conversations/${conversationId}/branch?leaf=${encodeURIComponent(generationId)}&limit=${BRANCH}`)).data;
}

export class Replay {
  /** `messages` end in the answer; `timeline` is that of its generation. It shows itself at once, and plays. */
  constructor(conversationId, messages, timeline) {
    this.conversationId = conversationId;
    this.before = messages.slice(0, -1);
    this.answer = messages.at(-1);
    const { parts = [{ kind: 'text', text: this.answer.content }] } = this.answer;
    this.characters = [...parts.map(({ text }) => text).join('')];
    this.parts = placesOf(parts);
    this.ends = endsOf(timeline.chunks);
    // What came before is waiting, which nobody wants to do twice.
    this.fromMs = Math.max(0, (this.ends[0]?.[0] ?? 0) - LEAD_MS);
    this.toMs = this.ends.at(-1)?.[0] ?? 0;
    this.label = t('replay.label', { time: clock(Date.parse(timeline.stages[0].at)) });
    this.atMs = signal(this.fromMs);
    this.playing = signal(false);
    this.speed = signal(1);
    this.frame = 0;
    this.then = 0;
    this.live = null;
    this.key = '';
    this.end = 0;
    this.shown = null;
    this.onEnd = () => {};
    this.seek(this.fromMs);
    this.play();
    this.unwatch = effect(() => {
      const now = pastView.value;
      if (this.shown && now !== this.shown) this.over();
    });
  }

  play() {
    if (this.atMs.peek() >= this.toMs) this.seek(this.fromMs);
    this.playing.value = true;
    this.then = performance.now();
    this.frame = requestAnimationFrame((now) => this.onFrame(now));
  }

  pause() {
    this.playing.value = false;
    cancelAnimationFrame(this.frame);
  }

  /** Ends it: the conversation is shown as it is now. */
  close() {
    if (this.shown && pastView.peek() === this.shown) pastView.value = null;
    else this.over();
  }

  over() {
    if (!this.shown) return;
    this.shown = null;
    this.pause();
    queueMicrotask(() => this.unwatch()); // the effect may be what got here
    this.onEnd();
  }

  onFrame(now) {
    const passed = Math.max(0, now - this.then) * this.speed.peek();
    this.then = now;
    this.goTo(Math.min(this.toMs, this.atMs.peek() + passed));
    if (this.atMs.peek() >= this.toMs) this.pause();
    else if (this.playing.peek()) this.frame = requestAnimationFrame((later) => this.onFrame(later));
  }

  /** Shows the text as of a moment. */
  seek(ms) {
    this.live = Object.assign(new Said(), { id: this.answer.id, state: signal('open'), stopping: signal(false), queue: signal(null) });
    this.end = 0;
    this.part = 0;
    this.begun = false;
    this.sayTo(this.endAt(ms));
    this.key = `replay/${(shows += 1)}`;
    this.atMs.value = ms;
    if (ms >= this.toMs) this.finish();
    else this.show({ ...this.answer, content: '', status: 'running', error: null });
  }

  goTo(ms) {
    this.atMs.value = ms;
    this.sayTo(this.endAt(ms));
    if (ms >= this.toMs) this.finish();
  }

  /** Goes on to a place in the whole text, part by part. */
  sayTo(end) {
    for (; this.part < this.parts.length; this.part += 1, this.begun = false) {
      const part = this.parts[this.part];
      if (part.start >= end && part.end > part.start) return;
      const to = Math.min(end, part.end);
      if (!this.begun || to > this.end) this.live.add(part.kind, this.characters.slice(this.end, to).join(''), this.begun ? null : callOf(part));
      this.begun = true;
      this.end = Math.max(this.end, to);
      if (end < part.end) return;
    }
  }

  finish() {
    if (this.live.state.peek() === 'done') return;
    this.live.end();
    this.live.state.value = 'done';
    this.show(this.answer);
  }

  endAt(ms) {
    const count = reached(this.ends, ms);
    return count === 0 ? 0 : this.ends[count - 1][1];
  }

  show(answer) {
    this.shown = { conversationId: this.conversationId, label: this.label, messages: [...this.before, { ...answer, key: this.key, live: this.live }] };
    pastView.value = this.shown;
  }
}
