// A branch of a conversation's tree as it is shown: page by page, and kept up with what others say.

import { batch, signal } from '../vendor/signals.mjs';
import { get } from './api.js';
import { isLocal, noteGone } from './conversations.js';
import { pendingOf } from './pending.js';
import { complain } from './state.js';

const PAGE = 60;
const MAX_PAGES_TO_FIND = 20;
const SHORTEST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
const MAX_LOADS = 120;
const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-turns') : null;
/** Tells the other tabs that there is something new in a conversation. */
export const tellTabs = (conversationId) => tabs?.postMessage(conversationId);

/** What is loaded of it. `live`, `join(message)` and `submit(command)` are of the thread that it is. */
export class Branch {
  constructor(id) {
    this.id = id;
    this.messages = signal([]);
    this.nextBefore = signal(null);
    this.state = signal('loading');
    this.error = signal(null);
    this.loadingEarlier = signal(false);
    this.newer = signal(false);
    /** The message that was last looked for, and who looks. */
    this.sought = null;
    this.loader = null;
    this.earlier = null;
    this.closed = false;
    this.failures = 0;
    this.timer = 0;
    this.heard = ({ data }) => data === id && this.sync();
    tabs?.addEventListener('message', this.heard);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    tabs?.removeEventListener('message', this.heard);
  }

  path(query) {
    return `/api/v1/conversations/${this.id}/branch?limit=${PAGE}${query}`;
  }

  /** `again`: by itself, after it failed. */
  async load(at, again = false) {
    const mine = (this.loader = Symbol('load'));
    clearTimeout(this.timer);
    if (at) this.sought = at;
    if (!again) this.state.value = 'loading';
    const first = pendingOf(this.id).find(({ begin }) => begin);
    try {
      if (first) {
        await null;
        if (this.loader === mine) this.submit(first); // there is nothing to load yet
        return;
      }
      const page = await get(this.path(at ? `&through=${at}` : ''));
      if (this.loader !== mine) return;
      this.show(page, []);
      this.failures = 0;
      for (let pages = 0; at && pages < MAX_PAGES_TO_FIND && this.nextBefore.value; pages += 1) {
        if (this.messages.value.some((each) => each.id === at)) break;
        await this.loadEarlier();
        if (this.loader !== mine) return;
      }
      const waiting = pendingOf(this.id).at(-1);
      if (waiting && !this.live) this.submit(waiting);
    } catch (error) {
      if (this.loader !== mine) return;
      if (error.status === 404) return noteGone(this.id);
      this.error.value = error;
      this.state.value = 'failed';
      if (error.retryable) this.loadAgainLater(error);
    }
  }

  /** What the network or the server took away comes back by itself. */
  loadAgainLater({ retryAfterS = 0 }) {
    this.failures += 1;
    if (this.closed || this.failures > MAX_LOADS) return;
    const ms = Math.max(retryAfterS * 1000, Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** (this.failures - 1)));
    this.timer = setTimeout(() => this.load(this.sought, true), ms);
  }

  show(page, kept) {
    batch(() => {
      this.messages.value = [...kept, ...page.data.map((each) => this.keyed(each))];
      if (kept.length === 0) this.nextBefore.value = page.nextBefore;
      this.state.value = 'ready';
      this.newer.value = false;
    });
    const last = this.messages.value.at(-1);
    if (last?.status === 'running' && !last.live) this.join(last);
  }

  /** Keeps a message's place in the page: what was shown while it was sent is not made anew. */
  keyed(message) {
    const known = this.messages.value.find((each) => each.id === message.id);
    return { ...message, key: known?.key ?? message.id, live: known?.live ?? null };
  }

  /** One page at a time: whoever asks meanwhile waits for the same one. */
  loadEarlier() {
    this.earlier ??= this.readEarlier().finally(() => (this.earlier = null));
    return this.earlier;
  }

  async readEarlier() {
    const before = this.nextBefore.value;
    if (!before) return;
    this.loadingEarlier.value = true;
    try {
      const page = await get(this.path(`&before=${before}`));
      if (this.nextBefore.value !== before) return; // another branch is shown meanwhile
      batch(() => {
        this.messages.value = [...page.data.map((each) => this.keyed(each)), ...this.messages.value];
        this.nextBefore.value = page.nextBefore;
      });
    } catch (error) {
      complain(error);
    } finally {
      this.loadingEarlier.value = false;
    }
  }

  /** The branch through another answer, or another version of a prompt. */
  async switchTo(messageId) {
    try {
      const page = await get(this.path(`&through=${messageId}`));
      const first = this.messages.value.findIndex((each) => each.id === page.data[0]?.id);
      this.show(page, first > 0 ? this.messages.value.slice(0, first) : []);
    } catch (error) {
      complain(error);
    }
  }

  /** Looks whether somebody else, another tab or device, has gone on. */
  async sync() {
    if (this.closed || this.live || isLocal(this.id)) return;
    if (this.state.value === 'failed' && this.error.value.retryable) return void this.load(this.sought, true);
    if (this.state.value !== 'ready') return;
    const leaf = this.messages.value.at(-1);
    const page = await get(this.path('')).catch(() => null);
    if (!page || this.live || this.messages.value.at(-1) !== leaf || page.leaf === (leaf?.id ?? null)) return;
    const at = page.data.findIndex((each) => each.id === leaf?.id);
    if (at >= 0 || !leaf) this.show({ ...page, data: page.data.slice(at + 1) }, this.messages.value);
    else this.newer.value = true;
  }
}
