// Answers being written. One of them is known by its generation's id and outlives the view that shows it.

import { signal } from '../vendor/signals.mjs';
import { ApiError, post } from './api.js';
import { noteGeneration } from './positions.js';
import { Said } from './said.js';
import { openStream } from './sse.js';
import { announcement, complain } from './state.js';
import { t } from './words.js';

const running = new Map();
export const liveOf = (generationId) => running.get(generationId) ?? null;
/** The conversations in which an answer is followed here, shown or not. */
export const followed = () => new Set([...running.values()].map(({ conversationId }) => conversationId));

export class LiveAnswer extends Said {
  /**
   * `source`: what openStream takes, and the `conversationId`. onStart(id): the server has begun it; onEnd(ending): {finishReason, …}, {error} or
   * {lost: error}. Both are of who shows it; who else waits for it has the promises `started` (null: never) and `over`.
   */
  constructor(id, source, { onStart = () => {}, onEnd = () => {} } = {}) {
    super();
    this.timed = source.method === 'POST';
    this.id = id;
    this.conversationId = source.conversationId;
    this.begun = !this.timed;
    this.lastSeq = -1;
    this.state = signal('connecting');
    this.stopping = signal(false);
    this.queue = signal(null);
    this.onStart = onStart;
    this.onEnd = onEnd;
    this.started = new Promise((resolve) => (this.tellStart = resolve));
    this.over = new Promise((resolve) => (this.tellEnd = resolve));
    running.set(id, this);
    this.stream = openStream({
      ...source,
      resumeAt: ({ data }) => (data.messageId ? `/api/v1/generations/${data.messageId}/stream` : null),
      isLast: ({ event }) => event === 'message_end' || event === 'error',
      onEvent: (event) => this.take(event),
      onState: (state, error) => {
        if (state === 'failed') this.finish({ lost: error });
        else if (state !== 'done') this.state.value = state;
      },
    });
  }

  /** The answer `id`, from its beginning; one that is already on its way is taken over. */
  static join(id, conversationId, callbacks) {
    return LiveAnswer.of(id, { url: `/api/v1/generations/${id}/stream`, conversationId }, callbacks);
  }

  static of(id, source, callbacks) {
    const known = running.get(id);
    return known ? Object.assign(known, callbacks) : new LiveAnswer(id, source, callbacks);
  }

  named(id) {
    running.delete(this.id);
    this.id = id;
    running.set(id, this);
  }

  take({ event, data, id }) {
    if (event === 'queued') {
      this.queue.value = data;
      return;
    }
    this.lastSeq = Number(id);
    if (event === 'message_start') {
      if (this.id !== data.messageId) this.named(data.messageId);
      this.begun = true;
      announcement.value = t('answer.begun');
      this.tellStart(this.id);
      this.onStart(this.id);
      if (this.stopping.value) this.cancel();
    } else if (event === 'content_chunk') {
      this.add(data.refusal ? 'refusal' : 'text', data.delta);
    } else if (event === 'reasoning_chunk') {
      this.add('reasoning', data.delta);
    } else if (event === 'tool_call') {
      this.add('tool_call', data.delta, { callId: data.callId, name: data.name });
    } else if (event === 'tool_call_chunk') {
      this.add('tool_call', data.delta);
    } else if (event === 'message_end') {
      this.finish(data);
    } else if (event === 'error') {
      this.finish({ error: data });
    }
  }

  finish(ending) {
    if (this.state.value === 'done') return;
    this.end();
    this.state.value = 'done';
    running.delete(this.id);
    if (!ending.lost) noteGeneration(this.id);
    announcement.value = t(ending.lost || ending.error ? 'answer.failed' : ending.finishReason === 'cancelled' ? 'answer.stopped' : 'answer.complete');
    this.tellStart(null);
    this.onEnd(ending);
    this.tellEnd(ending);
  }

  /** Ends it at the server; the stream then says so itself. */
  stop() {
    this.stopping.value = true;
    if (this.begun) this.cancel();
  }

  async cancel() {
    try {
      await post(`/api/v1/generations/${this.id}/cancel`, this.lastSeq >= 0 ? { seen: this.lastSeq } : {});
    } catch (error) {
      this.stopping.value = false;
      if (error instanceof ApiError && error.status !== 401) complain(error);
    }
  }
}
