// One conversation as it is shown, and what is said in it.

import { signal } from '../vendor/signals.mjs';
import { noteAnswer } from './activity.js';
import { get, newKey, post } from './api.js';
import { asking } from './asking.js';
import { Branch, tellTabs } from './branch.js';
import { change, conversationOf, gone, learn, touched } from './conversations.js';
import { changeDraft } from './kept.js';
import { LiveAnswer } from './live.js';
import { pendingOf } from './pending.js';
import { enqueue, queueOf, sendQueued } from './queue.js';
import { complain, toast } from './state.js';
import { send } from './turns.js';
import { partMissing, whenNeeded } from './ui/later.js';
import { t } from './words.js';

const comparing = whenNeeded(() => import('./comparing.js'));
const LEARN_AGAIN_MS = 2000;

export class Thread extends Branch {
  constructor(id) {
    super(id);
    this.rated = Promise.resolve();
    /** Whether it is known what a turn is to be asked with. */
    this.known = signal(false);
    /** Another answer that is shown beside the last one. */
    this.beside = signal(null);
  }

  load(at, again) {
    this.learn();
    return super.load(at, again);
  }

  /** Until what holds here is known, nothing is asked. */
  async learn() {
    while (!this.known.value && !this.closed) {
      if (!conversationOf(this.id) && !pendingOf(this.id).some(({ begin }) => begin)) await learn(this.id);
      this.known.value = Boolean(conversationOf(this.id)) || gone.value.has(this.id) || pendingOf(this.id).length > 0;
      if (!this.known.value) await new Promise((resolve) => setTimeout(resolve, LEARN_AGAIN_MS));
    }
  }

  get live() {
    const live = this.messages.value.at(-1)?.live;
    return live && live.state.value !== 'done' ? live : null;
  }

  /** What a next prompt follows: the newest answer, or appended message, the server knows of; null: nothing. */
  get leafId() {
    const leaf = this.messages.value.at(-1);
    if (leaf?.local) return leaf.instead;
    return leaf?.appended || leaf?.role === 'assistant' ? leaf.id : (leaf?.parentMessageId ?? null);
  }

  update(key, change) {
    this.messages.value = this.messages.value.map((each) => (each.key === key ? { ...each, ...change } : each));
  }

  join(message) {
    const live = LiveAnswer.join(message.id, this.id, { onStart: () => {}, onEnd: (ending) => this.ended(message.key, ending) });
    this.update(message.key, { live });
  }

  /** Takes up an answer again whose stream was given up. */
  rejoin(message) {
    this.update(message.key, { status: 'running', error: null });
    this.join({ ...message, live: null });
  }

  /** A prompt after `parent` (an answer's id; null: at the root), cutting what is shown there. */
  say(content, parent, model, { second, ...more } = {}) {
    const live = this.submit({ kind: 'message', key: newKey(), content, parent, asked: asking(this.id, model), ...more });
    if (second) comparing().then(({ askToo }) => askToo(this, live, second), partMissing);
  }

  /** A prompt for after the answer that is being written, or, `stopping` that, instead of its rest. False: no room. */
  sayNext(content, model, stopping) {
    const { live } = this;
    if (!enqueue(this.id, { content, asked: asking(this.id, model), after: live.id })) return false;
    if (stopping) {
      sendQueued(this.id, live.id, queueOf(this.id).value.items.at(-1).key);
      live.stop();
    }
    return true;
  }

  /** Another answer to the prompt that `answer` answers. */
  regenerate(answer, model) {
    this.submit({ kind: 'regenerate', key: newKey(), of: answer.id, prompt: answer.parentMessageId, asked: asking(this.id, model) });
  }

  /** What is being written here, and what can be stopped. */
  get running() {
    const beside = this.beside.value?.live;
    return this.live ?? (beside && beside.state.value !== 'done' ? beside : null);
  }

  /** Stops what is being written; returns when it has ended. */
  async stop() {
    const all = [this.live, this.beside.value?.live].filter((each) => each && each.state.value !== 'done');
    for (const live of all) live.stop();
    await Promise.all(all.map((live) => live.over));
  }

  /** Sends a command, or the same one again: its key makes it the same turn. */
  submit(command) {
    this.beside.value = null;
    const { kind, key, content, parent, asked } = command;
    if (content) changeDraft(this.id, (written) => (written === content ? '' : written));
    const all = this.messages.value.filter((each) => each.sentBy !== key);
    const follows = kind === 'message' ? parent : command.prompt;
    const at = all.findIndex((each) => each.id === follows);
    // What it follows may not be loaded: its place is then that of the other versions.
    const end = at >= 0 ? at + 1 : all.findIndex((each) => each.parentMessageId === follows);
    const before = follows === null ? [] : end < 0 ? all : all.slice(0, end);
    if (follows === null) this.nextBefore.value = null;
    const answerKey = `${key}/answer`;
    const onStart = (id) => {
      if (kind === 'message') touched(this.id, content.slice(0, 200));
      this.update(answerKey, { id, local: false });
      noteAnswer(this.id, 'running');
      tellTabs(this.id);
    };
    const live = send(this.id, command, { onStart, onEnd: (ending) => this.ended(answerKey, ending, command) });
    const common = { conversationId: this.id, sentBy: key, local: true, siblings: [], feedback: null, model: asked.model, error: null };
    const prompt = { ...common, key, id: key, role: 'user', content, status: 'completed', parentMessageId: parent };
    // What a next prompt follows where the server never takes this one.
    const instead = kind === 'message' ? parent : (before.at(-1)?.parentMessageId ?? null);
    const answer = { ...common, key: answerKey, id: answerKey, role: 'assistant', content: '', status: 'running', live, instead, parentMessageId: command.prompt ?? key };
    this.messages.value = [...before, ...(kind === 'message' ? [{ ...prompt, instead: parent }] : []), answer];
    this.state.value = 'ready';
    if (live.begun) onStart(live.id);
    return live;
  }

  async ended(key, ending, command) {
    const message = this.messages.value.find((each) => each.key === key);
    if (!message) return;
    const { live } = message;
    if (ending.lost) {
      noteAnswer(this.id, null);
      // What the server will never take is in the field again, and not here as well.
      if (command?.kind === 'message' && message.local && !ending.lost.retryable) this.messages.value = this.messages.value.filter((each) => each.key !== command.key);
      this.update(key, { status: 'lost', content: live.text, error: ending.lost, command });
      if (ending.lost.status === 404) learn(this.id); // it may be the conversation that is not there
      return;
    }
    const end = endOf(ending);
    this.update(key, { ...end, content: live.text });
    tellTabs(this.id);
    noteAnswer(this.id, end.status === 'failed' ? 'failed' : 'finished');
    await this.settle(message.id, command);
  }

  /** What only the server knows of the newest turn: the prompt's id, siblings. */
  async settle(answerId, command) {
    if (this.closed) return;
    const page = await get(`/api/v1/conversations/${this.id}/branch?leaf=${answerId}&limit=2`).catch(() => null);
    const [prompt, answer] = page?.data.length === 2 ? page.data : [null, page?.data[0]];
    if (!answer || answer.id !== answerId) return;
    if (prompt) change(this.id, { updatedAt: prompt.createdAt }); // by the server's clock
    this.messages.value = this.messages.value.map((each, at, all) => {
      if (each.id === answerId) return { ...each, ...answer, content: each.content || answer.content, status: answer.status === 'running' ? each.status : answer.status, feedback: each.feedback ?? answer.feedback, local: false };
      return prompt && each.role === 'user' && all[at + 1]?.id === answerId ? { ...each, ...prompt, local: false } : each;
    });
    if (command?.kind === 'message' && !command.edited && prompt?.siblings.length > 1) {
      toast(t('thread.gone-on-elsewhere'));
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

/** How an answer stands that has ended. */
export function endOf(ending) {
  if (ending.lost) return { status: 'lost', error: ending.lost };
  const status = ending.error ? 'failed' : ending.finishReason === 'cancelled' ? 'cancelled' : 'completed';
  return { ...ending, status, error: ending.error ?? null };
}
