// A text that grows, shown as it grows. Blocks that are complete are made once and never touched again; only what is
// still open, at most two blocks, is parsed again, at most every second frame. At the end it is what a one-shot render
// gives.

import { emptyCodeBlock } from './code.js';
import { md, nodesOf, renderOnce } from './markdown.js';
import { normalised } from './text.js';

// Every second frame: half the work, and the eye reads no faster.
const FLUSH_EVERY_MS = 30;
const LONG_TAIL = 8_000;
const LONG_TAIL_MS = 100;
const MAX_OF_THE_TIME = 8;
const SLOW_FRAME_MS = 25;
const LONGEST_REST_MS = 150;
const LONG_LINE = 2_000;

export class BlockStreamer {
  /** Fills `container`. `onFlush` is called in the frame in which something was shown. */
  constructor(container, onFlush = () => {}) {
    this.container = container;
    this.onFlush = onFlush;
    this.src = '';
    this.frozen = 0;
    this.open = [];
    this.references = {};
    /** Something in it may only be right once all of it is known. */
    this.unsure = false;
    this.fence = null;
    this.frame = 0;
    this.flushedAt = 0;
    this.cost = 0;
    this.took = 0;
    this.ended = false;
    this.onVisible = () => document.visibilityState === 'visible' && this.flush();
    document.addEventListener('visibilitychange', this.onVisible);
  }

  push(text) {
    this.src += normalised(text);
    if (!this.frame && !this.ended) this.frame = requestAnimationFrame((now) => this.onFrame(now));
  }

  /** The text is whole: what is open is complete. */
  end() {
    if (this.ended) return;
    this.close();
    const env = { references: { ...this.references } };
    const tokens = md.parse(this.src.slice(this.frozen), env);
    if (this.unsure || env.notes || Object.keys(env.references).length > 0) {
      this.container.replaceChildren(renderOnce(this.src)); // a link, or a note, may be defined after its use
    } else {
      this.show(tokens, env, true);
    }
    this.onFlush();
  }

  /** Shows nothing any more; what is there stays. */
  close() {
    this.ended = true;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    document.removeEventListener('visibilitychange', this.onVisible);
  }

  onFrame(now) {
    this.frame = 0;
    const tail = this.src.length - this.frozen;
    // A machine that is late with one frame gets time for others, and for the reader, before the next.
    const rest = this.took > SLOW_FRAME_MS ? Math.min(2 * this.took, LONGEST_REST_MS) : 0;
    const least = this.fence || tail < LONG_TAIL ? 0 : Math.max(LONG_TAIL_MS, this.cost * MAX_OF_THE_TIME);
    if (now - this.flushedAt < Math.max(FLUSH_EVERY_MS, rest, least)) {
      this.frame = requestAnimationFrame((later) => this.onFrame(later));
      return;
    }
    this.flushedAt = now;
    const began = performance.now();
    this.flush();
    this.cost = performance.now() - began;
    requestAnimationFrame((next) => (this.took = next - now));
  }

  flush() {
    if (this.ended) return;
    // One flush may see several blocks of code begin and end.
    while (!this.fence || this.growFence()) {
      this.parseTail();
      if (!this.fence) break;
    }
    this.onFlush();
  }

  parseTail() {
    const tail = this.src.slice(this.frozen);
    const env = { references: { ...this.references }, unfinished: true };
    const tokens = md.parse(tail, env);
    this.unsure ||= env.notes !== undefined;
    const blocks = topLevel(tokens);
    if (blocks.length === 0) return;
    const starts = lineStarts(tail);
    const unfinished = starts.length - 1;
    let kept = blocks.length - 1;
    // What starts on a line that is not complete may yet go on with the block before (`2`, then `2.`), and so may what
    // looks like a formula until it is closed.
    if (kept > 0 && (blocks[kept].line >= unfinished || tokens[blocks[kept].at].type.startsWith('math'))) kept -= 1;
    const last = blocks[kept];
    if (kept > 0) {
      const offset = starts[last.line];
      this.show(tokens.slice(0, last.at), env, true);
      this.open = [];
      if (Object.keys(env.references).length > Object.keys(this.references).length) {
        md.parse(tail.slice(0, offset), { references: this.references });
      }
      this.frozen += offset;
    }
    const token = tokens[last.at];
    if (kept === blocks.length - 1 && token.type === 'fence' && last.line < unfinished) {
      const line = tail.slice(starts[last.line], starts[last.line + 1]);
      this.startFence(token, line, kept > 0 ? 0 : starts[last.line]);
    } else {
      this.show(tokens.slice(last.at), env, false);
    }
  }

  startFence(token, line, before) {
    const made = emptyCodeBlock(token.info.trim().split(/\s+/)[0] ?? '');
    const text = document.createTextNode('');
    const partial = document.createTextNode('');
    made.code.append(text, partial);
    this.replaceOpen([made.block]);
    const mark = token.markup;
    this.fence = {
      text,
      partial,
      at: this.frozen + before + line.length,
      indent: new RegExp(`^ {0,${/^ */.exec(line)[0].length}}`),
      closing: new RegExp(`^ {0,3}${mark[0]}{${mark.length},}[ \\t]*$`),
    };
  }

  /** Adds what came to the open code. True when it closed and is frozen: what follows is to be parsed. */
  growFence() {
    const fence = this.fence;
    let added = '';
    for (;;) {
      const end = this.src.indexOf('\n', fence.at);
      const line = this.src.slice(fence.at, end < 0 ? undefined : end);
      const closes = fence.closing.test(line);
      if (end < 0) {
        fence.partial.data = /^ {0,3}[`~]*[ \t]*$/.test(line) ? '' : shortened(line.replace(fence.indent, ''));
        break;
      }
      if (closes) {
        this.fence = null;
        const env = {};
        this.show(md.parse(this.src.slice(this.frozen, end + 1), env), env, true);
        this.open = [];
        this.frozen = end + 1;
        return true;
      }
      added += `${shortened(line.replace(fence.indent, ''))}\n`;
      fence.at = end + 1;
    }
    if (added) fence.text.appendData(added);
    return false;
  }

  show(tokens, env, final) {
    this.replaceOpen([...nodesOf(tokens, env, final).childNodes]);
  }

  replaceOpen(nodes) {
    const after = this.open.length ? this.open[this.open.length - 1].nextSibling : null;
    for (const node of this.open) node.remove();
    for (const node of nodes) this.container.insertBefore(node, after);
    this.open = nodes;
  }
}

/** A very long line of code that is still open would be laid out anew each time; all of it is shown at the end. */
const shortened = (line) => (line.length > LONG_LINE ? `… ${line.slice(-LONG_LINE)}` : line);

/** Where each top-level block begins: its place among the tokens, and its line. */
function topLevel(tokens) {
  const blocks = [];
  tokens.forEach((token, at) => {
    if (token.level === 0 && token.nesting >= 0 && token.map) blocks.push({ at, line: token.map[0] });
  });
  return blocks;
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
