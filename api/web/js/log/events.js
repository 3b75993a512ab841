// The events of one conversation as this page knows them: the newest page, those before it as they are asked for, and
// each new one as it is appended. Bounded: the oldest are let go, and can be asked for again.

import { batch, signal } from '../../vendor/signals.mjs';
import { get } from '../api.js';
import { openStream } from '../sse.js';
import { insert, inTime } from './order.js';
import { COMMANDS } from './rows.js';
import { whileSeen } from './seen.js';

const PAGE = 500;
const MAX_EVENTS = 20_000;
const FLUSH_MS = 250;
const LARGEST_PAGE = 1000;
const MAX_PAGES_OF_ONE = 20;
const MAX_EMPTY_PAGES = 5;
const MAX_ASKED = 100;

export class EventLog {
  constructor(conversationId) {
    this.conversationId = conversationId;
    /** Oldest first. Each has `key` and `atMs` beside what the API says. */
    this.events = signal([]);
    this.state = signal('loading');
    this.error = signal(null);
    this.nextBefore = signal(null);
    /** What a turn asks that began before the events that are here, by generation. */
    this.asked = signal(new Map());
    this.loadingEarlier = signal(false);
    this.earlierError = signal(null);
    /** 'connecting', 'open', 'reconnecting', or 'failed' with `linkError`. */
    this.link = signal('connecting');
    this.linkError = signal(null);
    this.segments = [];
    this.arrived = [];
    this.known = new Set();
    this.timer = 0;
    this.control = null;
    this.unfollow = null;
    this.wholes = new Map();
    /** A cut that holds all of them, and where the stream goes on. */
    this.asOf = '';
    this.position = '';
  }

  /** Reads the newest page and follows from there. Also after a failure, anew. */
  async load() {
    this.close();
    const mine = (this.control = new AbortController());
    this.state.value = 'loading';
    try {
      const page = await this.page('', mine.signal);
      batch(() => {
        this.known.clear();
        // The last one grows; each knows the cursor that brings it back.
        this.segments = [{ before: undefined, events: this.noted(page.data) }];
        this.nextBefore.value = page.nextBefore;
        this.state.value = 'ready';
        this.publish();
      });
      this.asOf = this.position = page.asOf;
      this.unfollow = whileSeen(() => this.follow());
      this.ask(mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      batch(() => {
        this.error.value = error;
        this.state.value = 'failed';
      });
    }
  }

  close() {
    this.control?.abort();
    this.unfollow?.();
    this.unfollow = null;
    clearTimeout(this.timer);
    this.timer = 0;
    this.arrived = [];
  }

  path(query) {
    return `/api/v1/conversations/${this.conversationId}/events?${query}`;
  }

  /** The newest page, or that before a cursor; empty ones are passed over, a few at a time. */
  async page(before, abort) {
    let cursor = before;
    let first;
    for (let pages = 1; ; pages += 1) {
      const page = await get(this.path(`limit=${PAGE}${cursor && `&before=${encodeURIComponent(cursor)}`}`), { signal: abort });
      first ??= page;
      if (page.data.length > 0 || !page.nextBefore || pages === MAX_EMPTY_PAGES) return { ...page, asOf: first.asOf };
      cursor = page.nextBefore;
    }
  }

  follow() {
    let opened = false;
    const stream = openStream({
      url: `/api/v1/conversations/${this.conversationId}/events/stream`,
      lastId: this.position,
      onEvent: ({ event, data, id }) => {
        this.position = id ?? this.position;
        if (event === 'log_event') this.take(data);
      },
      onState: (state, error) => {
        opened ||= state === 'open';
        if (opened && error?.code === 'invalid_position') return void this.load(); // away for longer than the log holds
        batch(() => {
          this.link.value = state;
          this.linkError.value = error ?? null;
        });
      },
    });
    return () => stream.close();
  }

  take(event) {
    this.arrived.push(event);
    this.timer ||= setTimeout(() => this.flush(), FLUSH_MS); // frames stop in a hidden tab, timers do not
  }

  flush() {
    this.timer = 0;
    const newest = this.segments.at(-1).events;
    for (const event of this.noted(this.arrived.splice(0)).sort(inTime)) this.asOf = insert(newest, event, this.asOf);
    if (newest.length > MAX_EVENTS) return void this.load();
    this.shrink();
    this.publish();
  }

  async loadEarlier() {
    if (this.loadingEarlier.value || !this.nextBefore.value) return;
    const before = this.nextBefore.value;
    batch(() => {
      this.loadingEarlier.value = true;
      this.earlierError.value = null;
    });
    try {
      const page = await this.page(before, this.control.signal);
      if (this.nextBefore.value !== before) return; // it was loaded anew meanwhile
      this.segments.unshift({ before, events: this.noted(page.data) });
      this.nextBefore.value = page.nextBefore;
      this.publish();
      this.ask(this.control.signal);
    } catch (error) {
      if (!this.control.signal.aborted) this.earlierError.value = error;
    } finally {
      this.loadingEarlier.value = false;
    }
  }

  /** Finds what the oldest turn here asks, where its command is not among the events. Without it the turn has no name. */
  async ask(abort) {
    const events = this.events.peek();
    const oldest = events.find((each) => each.generationId);
    if (!oldest || !this.nextBefore.peek() || COMMANDS.includes(oldest.type) || this.asked.peek().has(oldest.generationId)) return;
    const { generationId } = oldest;
    const page = await get(this.path(`types=${COMMANDS}&generation=${encodeURIComponent(generationId)}&limit=1`), { signal: abort }).catch(() => null);
    if (page?.data.length) this.asked.value = new Map([...this.asked.peek(), [generationId, page.data[0]]].slice(-MAX_ASKED));
  }

  /** All events of one generation, oldest first, whether they are on the page or not. Raises ApiError. */
  async allOf(generationId) {
    if (!this.wholes.has(generationId)) {
      if (this.wholes.size >= 4) this.wholes.delete(this.wholes.keys().next().value);
      const reading = this.readAllOf(generationId);
      this.wholes.set(generationId, reading);
      // Of one that runs there will be more; a failure may be over by then.
      reading.then((events) => events.some((each) => each.topic === 'generation-outcomes') || this.wholes.delete(generationId), () => this.wholes.delete(generationId));
    }
    return this.wholes.get(generationId);
  }

  async readAllOf(generationId) {
    let events = [];
    let before = '';
    for (let pages = 0; pages < MAX_PAGES_OF_ONE; pages += 1) {
      const page = await get(this.path(`limit=${LARGEST_PAGE}&generation=${encodeURIComponent(generationId)}${before}`));
      events = [...page.data, ...events];
      if (!page.nextBefore) break;
      before = `&before=${encodeURIComponent(page.nextBefore)}`;
    }
    return events;
  }

  noted(events) {
    const fresh = [];
    for (const event of events) {
      event.key = keyOf(event);
      if (this.known.has(event.key)) continue;
      this.known.add(event.key);
      event.atMs = Date.parse(event.time);
      fresh.push(event);
    }
    return fresh;
  }

  shrink() {
    while (this.segments.length > 1 && this.known.size > MAX_EVENTS) {
      const [oldest] = this.segments.splice(0, 1);
      for (const event of oldest.events) this.known.delete(event.key);
      this.nextBefore.value = oldest.before;
    }
  }

  publish() {
    this.events.value = this.segments.flatMap((segment) => segment.events);
  }
}

export const keyOf = ({ topic, partition, offset }) => `${topic}/${partition}/${offset}`;
