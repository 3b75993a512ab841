// What an answer consists of, as it comes: its parts in their order. Its text is what is shown, searched and copied.

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
  }

  /** `call`: {callId, name} of a call that begins. */
  add(kind, delta, call = null) {
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

/** Whether there is more to show than one text. */
export const isMore = (parts) => Boolean(parts?.some((each) => each.kind !== 'text' || each.role));
