// Cuts the text of a JSON list into the texts of its elements as it comes, so that no more than one of them is held, and
// that what stands before a damage is read. A single object is a list of one. Pure.

const [QUOTE, BACKSLASH, COMMA] = [34, 92, 44];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];
const isBlank = (code) => code === 32 || code === 10 || code === 13 || code === 9;

export class Elements {
  /** `most`: characters of one element; a longer one is passed over, and counted in `tooLong`. */
  constructor(most = 64 * 1024 * 1024) {
    Object.assign(this, { most, list: null, done: false, tooLong: 0, foreign: false });
    this.pieces = [];
    Object.assign(this, { length: 0, depth: 0, inText: false, escaped: false, begun: false });
  }

  /** Whether the text ended before it was whole. */
  get cut() {
    return !this.done && !this.foreign;
  }

  /** The elements that end in this piece of text. */
  push(text) {
    const found = [];
    let from = 0;
    for (let at = 0; at < text.length && !this.done && !this.foreign; at += 1) {
      const code = text.charCodeAt(at);
      if (this.inText) {
        if (this.escaped) this.escaped = false;
        else if (code === BACKSLASH) this.escaped = true;
        else if (code === QUOTE) this.inText = false;
        continue;
      }
      if (this.list === null) {
        if (isBlank(code) || code === 0xfeff) continue;
        this.list = code === OPEN_LIST;
        if (this.list) continue;
        if (code !== OPEN) {
          this.foreign = true;
          break;
        }
      }
      if (!this.begun) {
        if (isBlank(code) || (this.list && code === COMMA)) continue;
        if (this.list && code === CLOSE_LIST) {
          this.done = true;
          break;
        }
        this.begun = true;
        from = at;
      }
      if (code === QUOTE) this.inText = true;
      else if (code === OPEN || code === OPEN_LIST) this.depth += 1;
      else if (this.depth === 0 && (code === COMMA || code === CLOSE_LIST)) {
        this.take(text.slice(from, at), found);
        if (code === CLOSE_LIST) this.done = true;
      } else if (code === CLOSE || code === CLOSE_LIST) {
        this.depth -= 1;
        if (this.depth === 0) {
          this.take(text.slice(from, at + 1), found);
          if (!this.list) this.done = true;
        }
      }
    }
    if (this.begun) this.keep(text.slice(from));
    return found;
  }

  keep(piece) {
    this.length += piece.length;
    if (this.length <= this.most) this.pieces.push(piece);
    else this.pieces = [];
  }

  take(piece, found) {
    this.keep(piece);
    if (this.length > this.most) this.tooLong += 1;
    else found.push(this.pieces.join(''));
    Object.assign(this, { pieces: [], length: 0, depth: 0, begun: false });
  }
}
