// What an answer consists of, as it comes: its parts in their order. Its text is what is shown, searched and copied.

import { ThinkTags } from './think_tags.js';

export const isVisible = (kind) => kind === 'text' || kind === 'refusal';

export class Said {
  constructor() {
    /** Each is {kind, text}, a call also {callId, name}; `beganMs` and `lastMs` where they are seen to come. */
    this.parts = [];
    /** Whether each part is told as it comes, not later and all at once. */
    this.timed = false;
    this.text = '';
    /** Called with the part that grew and what was added to it. */
    this.listeners = new Set();
    /** Of a text that may yet begin with thinking. */
    this.tags = new ThinkTags();
    this.came = 0;
  }

  /** `call`: {callId, name} of a call that begins. */
  add(kind, delta, call = null) {
    if (this.tags && (kind !== 'text')) this.end();
    if (!this.tags) return this.put(kind, delta, call);
    this.came += length(delta);
    for (const [found, text] of this.tags.feed(delta)) {
      if (found === 'text' && this.parts.length > 0) this.parts[0].characters = this.came - length(text);
      this.put(found, text);
    }
    if (this.tags.over) this.tags = null;
    return undefined;
  }

  /** There is no more of it. */
  end() {
    const { tags } = this;
    this.tags = null;
    for (const [found, text] of tags?.end() ?? []) this.put(found, text);
  }

  put(kind, delta, call = null) {
    let part = this.parts.at(-1);
    if (call || part?.kind !== kind) {
      part = { kind, text: '', ...call };
      if (this.timed) part.beganMs = performance.now();
      this.parts.push(part);
    }
    part.text += delta;
    if (this.timed && kind !== 'text') part.lastMs = performance.now();
    if (isVisible(kind)) this.text += delta;
    for (const listener of this.listeners) listener(part, delta);
  }
}

/** How many characters a part took of what came: more than it has, where tags were around it. */
export const charactersOf = (part) => part.characters ?? length(part.text);
const length = (text) => [...text].length;

/** An answer as it is shown: thinking that its text begins with is a part of its own. */
export function toldApart(message) {
  if (message.role !== 'assistant' || isMore(message.parts) || !/^\s{0,64}<think>/.test(message.content)) return message;
  const said = new Said();
  said.add('text', message.content);
  said.end();
  return { ...message, content: said.text, parts: said.parts };
}

/** Whether there is more to show than one text. */
export const isMore = (parts) => Boolean(parts?.some((each) => each.kind !== 'text' || each.role));
