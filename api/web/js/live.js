// Answers being written. One of them is known by its generation's id and outlives the view that shows it.

import { signal } from '../vendor/signals.mjs';
import { ApiError, post } from './api.js';
import { noteGeneration } from './positions.js';
import { Said } from './said.js';
import { openStream } from './sse.js';
import { announcement, complain } from './state.js';

const running = new Map();
export const liveOf = (generationId) => running.get(generationId) ?? null;

export class LiveAnswer extends Said {
  /** `source`: what openStream takes. onStart(id), onEnd(ending): ending is {finishReason, …}, {error} or {lost: error}. */
  constructor(source, { onStart = () => {}, onEnd = () => {} } = {}) {
    super();
    this.timed = source.method === 'POST';
    this.id = null;
    this.lastSeq = -1;
    this.state = signal('connecting');
    this.stopping = signal(false);
    this.onStart = onStart;
    this.onEnd = onEnd;
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

  static join(generationId, callbacks) {
    const known = running.get(generationId);
    if (known) return Object.assign(known, callbacks);
    const live = new LiveAnswer({ url: `/api/v1/generations/${generationId}/stream` }, callbacks);
    live.named(generationId);
    return live;
  }

  named(id) {
    this.id = id;
    running.set(id, this);
  }

  take({ event, data, id }) {
    this.lastSeq = Number(id);
    if (event === 'message_start') {
      if (!this.id) this.named(data.messageId);
      announcement.value = 'The answer has begun.';
      this.onStart(data.messageId);
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
    if (this.id) {
      running.delete(this.id);
      if (!ending.lost) noteGeneration(this.id);
    }
    announcement.value = ending.lost || ending.error ? 'The answer failed.' : ending.finishReason === 'cancelled' ? 'The answer was stopped.' : 'The answer is complete.';
    this.onEnd(ending);
  }

  /** Ends it at the server; the stream then says so itself. */
  stop() {
    this.stopping.value = true;
    if (this.id) this.cancel();
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
