// The conversation as of one of its events, shown in its place. One moment at a time; the newest wish counts.

import { batch, effect, signal } from '../../vendor/signals.mjs';
import { get } from '../api.js';
import { pastView } from '../state.js';
import { newestBranch, saidBelow, withoutChunks } from './branch.js';
import { exactly, inWords } from './units.js';

const PATIENCE_MS = 120;
const MAX_KEPT = 30;

export class Travel {
  constructor(conversationId, log) {
    this.conversationId = conversationId;
    this.log = log;
    /** The event that is looked back at; null: now. */
    this.at = signal(null);
    this.loading = signal(false);
    this.error = signal(null);
    this.kept = new Map();
    this.timer = 0;
    this.control = null;
    this.shown = null;
    // “Back to now” is also beside the conversation.
    this.unwatch = effect(() => {
      const now = pastView.value;
      if (this.shown && now !== this.shown) this.forget();
    });
  }

  close() {
    this.unwatch();
    this.back();
  }

  to(event) {
    clearTimeout(this.timer);
    this.control?.abort();
    batch(() => {
      this.at.value = event;
      this.error.value = null;
      this.loading.value = true;
    });
    const known = this.kept.has(withoutChunks(event.asOf));
    this.timer = setTimeout(() => this.show(event), known ? 0 : PATIENCE_MS);
  }

  back() {
    if (this.shown && pastView.peek() === this.shown) pastView.value = null;
    this.forget();
  }

  forget() {
    clearTimeout(this.timer);
    this.control?.abort();
    this.shown = null;
    batch(() => {
      this.at.value = null;
      this.error.value = null;
      this.loading.value = false;
    });
  }

  async show(event) {
    const mine = (this.control = new AbortController());
    try {
      const messages = newestBranch(await this.messagesAt(event, mine.signal));
      const shown = await Promise.all(messages.map((each) => (each.status === 'running' ? this.withText(each, event) : each)));
      if (mine.signal.aborted) return;
      this.shown = { conversationId: this.conversationId, label: `${exactly(event.atMs)}, ${inWords(event.type)}`, messages: shown };
      batch(() => {
        pastView.value = this.shown;
        this.loading.value = false;
      });
    } catch (error) {
      if (mine.signal.aborted) return;
      batch(() => {
        this.error.value = error;
        this.loading.value = false;
      });
    }
  }

  async messagesAt(event, abort) {
    const cut = withoutChunks(event.asOf);
    if (!this.kept.has(cut)) {
      const then = await get(`/api/v1/conversations/${this.conversationId}?as_of=${encodeURIComponent(event.asOf)}`, { signal: abort });
      if (this.kept.size >= MAX_KEPT) this.kept.delete(this.kept.keys().next().value);
      this.kept.set(cut, then.messages);
    }
    return this.kept.get(cut);
  }

  /** An answer that was being written then, with what had been written. */
  async withText(message, event) {
    const here = saidBelow(this.log.events.peek(), message.id, event.asOf);
    const said = here ?? saidBelow(await this.log.allOf(message.id), message.id, event.asOf);
    return said ? { ...message, content: said.text, parts: said.parts } : message;
  }
}
