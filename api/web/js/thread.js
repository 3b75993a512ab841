// One conversation as it is shown: a branch of its tree, page by page, and what is said in it.

import { batch, signal } from '../vendor/signals.mjs';
import { get, newKey, post } from './api.js';
import { awaitTitle, touched } from './conversations.js';
import { changeDraft, keepPending, pendingOf } from './kept.js';
import { LiveAnswer } from './live.js';
import { complain, titles, toast } from './state.js';

const PAGE = 60;
const MAX_PAGES_TO_FIND = 20;
const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-turns') : null;

export class Thread {
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
    this.rated = Promise.resolve();
    this.heard = ({ data }) => data === id && this.sync();
    tabs?.addEventListener('message', this.heard);
  }

  close() {
    this.closed = true;
    tabs?.removeEventListener('message', this.heard);
  }

  path(query) {
    return `/api/v1/conversations/${this.id}/branch?limit=${PAGE}${query}`;
  }

  async load(at) {
    const mine = (this.loader = Symbol('load'));
    if (at) this.sought = at;
    this.state.value = 'loading';
    try {
      const page = await get(this.path(at ? `&through=${at}` : ''));
      if (this.loader !== mine) return;
      this.show(page, []);
      for (let pages = 0; at && pages < MAX_PAGES_TO_FIND && this.nextBefore.value; pages += 1) {
        if (this.messages.value.some((each) => each.id === at)) break;
        await this.loadEarlier();
        if (this.loader !== mine) return;
      }
      const pending = pendingOf(this.id);
      if (pending && !this.live) this.submit(pending);
    } catch (error) {
      if (this.loader !== mine) return;
      this.error.value = error;
      this.state.value = 'failed';
    }
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
    if (this.closed || this.live || this.state.value !== 'ready') return;
    const leaf = this.messages.value.at(-1);
    const page = await get(this.path('')).catch(() => null);
    if (!page || this.live || this.messages.value.at(-1) !== leaf || page.leaf === (leaf?.id ?? null)) return;
    const at = page.data.findIndex((each) => each.id === leaf?.id);
    if (at >= 0 || !leaf) this.show({ ...page, data: page.data.slice(at + 1) }, this.messages.value);
    else this.newer.value = true;
  }

  get live() {
    const live = this.messages.value.at(-1)?.live;
    return live && live.state.value !== 'done' ? live : null;
  }

  /** What a next prompt follows: the newest answer, or appended message, the server knows of; null: nothing. */
  get leafId() {
    const [asked, leaf] = [this.messages.value.at(-2), this.messages.value.at(-1)];
    if (leaf?.appended || (leaf?.role === 'assistant' && !leaf.local)) return leaf.id;
    return (leaf?.role === 'assistant' ? asked : leaf)?.parentMessageId ?? null;
  }

  update(key, change) {
    this.messages.value = this.messages.value.map((each) => (each.key === key ? { ...each, ...change } : each));
  }

  join(message) {
    const live = LiveAnswer.join(message.id, { onStart: () => {}, onEnd: (ending) => this.ended(message.key, ending) });
    this.update(message.key, { live });
  }

  /** Takes up an answer again whose stream was given up. */
  rejoin(message) {
    this.update(message.key, { status: 'running', error: null });
    this.join({ ...message, live: null });
  }

  /** A prompt after `parent` (an answer's id; null: at the root), cutting what is shown there. */
  say(content, parent, model, edited = false) {
    this.submit({ kind: 'message', key: newKey(), content, parent, model, edited });
  }

  /** Another answer to the prompt that `answer` answers. */
  regenerate(answer, model) {
    this.submit({ kind: 'regenerate', key: newKey(), of: answer.id, prompt: answer.parentMessageId, model });
  }

  /** Sends a command, or the same one again: its key makes it the same turn. */
  submit(command) {
    keepPending(this.id, command);
    const { kind, key, content, parent, model } = command;
    if (content) changeDraft(this.id, (written) => (written === content ? '' : written));
    const all = this.messages.value.filter((each) => each.sentBy !== key);
    const follows = kind === 'message' ? parent : command.prompt;
    const at = all.findIndex((each) => each.id === follows);
    // What it follows may not be loaded: its place is then that of the other versions.
    const end = at >= 0 ? at + 1 : all.findIndex((each) => each.parentMessageId === follows);
    const before = follows === null ? [] : end < 0 ? all : all.slice(0, end);
    if (follows === null) this.nextBefore.value = null;
    const path = `/api/v1/conversations/${this.id}/messages${kind === 'message' ? '' : `/${command.of}/regenerate`}`;
    const chosen = model ? { model } : {};
    const body = kind === 'message' ? { content, parent_message_id: parent ?? 'root', ...chosen } : chosen;
    const answerKey = `${key}/answer`;
    const live = new LiveAnswer({ url: path, method: 'POST', body, key }, {
      onStart: (id) => {
        keepPending(this.id, null);
        if (kind === 'message') touched(this.id, content.slice(0, 200));
        this.update(answerKey, { id, local: false });
        tabs?.postMessage(this.id);
      },
      onEnd: (ending) => this.ended(answerKey, ending, command),
    });
    const common = { conversationId: this.id, sentBy: key, local: true, siblings: [], feedback: null, model, error: null };
    const prompt = { ...common, key, id: key, role: 'user', content, status: 'completed', parentMessageId: parent };
    const answer = { ...common, key: answerKey, id: answerKey, role: 'assistant', content: '', status: 'running', live, parentMessageId: command.prompt ?? key };
    this.messages.value = [...before, ...(kind === 'message' ? [prompt] : []), answer];
    this.state.value = 'ready';
  }

  async ended(key, ending, command) {
    const message = this.messages.value.find((each) => each.key === key);
    if (!message) return;
    const { live } = message;
    if (ending.lost) {
      if (ending.lost.status !== 0) keepPending(this.id, null);
      this.update(key, { status: 'lost', content: live.text, error: ending.lost, command });
      if (command?.content && message.local) changeDraft(this.id, (written) => withLost(command.content, written));
      return;
    }
    const status = ending.error ? 'failed' : ending.finishReason === 'cancelled' ? 'cancelled' : 'completed';
    this.update(key, { ...ending, status, content: live.text, error: ending.error ?? null });
    tabs?.postMessage(this.id);
    const { value: [first] } = this.messages;
    if (titles.value && status === 'completed' && this.messages.value.length === 2) awaitTitle(this.id, first.content);
    await this.settle(message.id, command);
  }

  /** What only the server knows of the newest turn: the prompt's id, siblings. */
  async settle(answerId, command) {
    if (this.closed) return;
    const page = await get(`/api/v1/conversations/${this.id}/branch?leaf=${answerId}&limit=2`).catch(() => null);
    const [prompt, answer] = page?.data.length === 2 ? page.data : [null, page?.data[0]];
    if (!answer || answer.id !== answerId) return;
    this.messages.value = this.messages.value.map((each, at, all) => {
      if (each.id === answerId) return { ...each, ...answer, content: each.content || answer.content, status: answer.status === 'running' ? each.status : answer.status, feedback: each.feedback ?? answer.feedback, local: false };
      return prompt && each.role === 'user' && all[at + 1]?.id === answerId ? { ...each, ...prompt, local: false } : each;
    });
    if (command?.kind === 'message' && !command.edited && prompt?.siblings.length > 1) {
      toast('This conversation had gone on elsewhere: your message began a new branch. Switch with ‹ › below it.');
    }
  }

  async rate(message, rating) {
    const before = message.feedback;
    const next = before === rating ? null : rating;
    this.update(message.key, { feedback: next });
    // One after the other: of two at once the server may see the second one first.
    const sent = this.rated.then(() => post(`/api/v1/conversations/${this.id}/messages/${message.id}/feedback`, { rating: next ?? 'none' }));
    this.rated = sent.catch(() => {});
    try {
      await sent;
    } catch (error) {
      this.update(message.key, { feedback: before });
      complain(error);
    }
  }
}

const withLost = (lost, written) => (written.includes(lost) ? written : [lost, written].filter(Boolean).join('\n\n'));
