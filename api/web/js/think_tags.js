// Takes `<think>…</think>` out of a text that begins with it, as the server does with a model's own: answers of before it
// did, and of other places, have it in their text. Pure.

const BEGIN = '<think>';
const END = '</think>';
const MAX_BLANKS = 64;

/** One text. A tag may come in any pieces; what may be a part of one waits. */
export class ThinkTags {
  constructor() {
    this.held = '';
    this.state = 'before';
    this.breaks = 0;
    this.over = false;
  }

  /** What this adds, as [kind, text]; line breaks between the thinking and the text belong to neither. */
  feed(text) {
    let held = this.held + text;
    this.held = '';
    if (this.over) return [['text', held]];
    const found = [];
    if (this.state === 'before') {
      const begun = held.trimStart();
      const mayBe = held.length - begun.length <= MAX_BLANKS;
      if (!mayBe || !begun.startsWith(BEGIN)) {
        if (mayBe && BEGIN.startsWith(begun)) {
          this.held = held;
          return [];
        }
        this.over = true;
        return [['text', held]];
      }
      this.state = 'inside';
      held = begun.slice(BEGIN.length);
    }
    if (this.state === 'inside') {
      const end = held.indexOf(END);
      const to = end < 0 ? held.length - beginningOfEnd(held) : end;
      if (to > 0) found.push(['reasoning', held.slice(0, to)]);
      if (end < 0) {
        this.held = held.slice(to);
        return found;
      }
      this.state = 'behind';
      held = held.slice(end + END.length);
    }
    const rest = held.replace(/^[\r\n]+/, '');
    this.breaks += held.length - rest.length;
    this.over = rest !== '' || this.breaks > MAX_BLANKS;
    if (rest) found.push(['text', rest]);
    return found;
  }

  /** What waited and was no tag. */
  end() {
    const { held } = this;
    this.held = '';
    return held ? [[this.state === 'inside' ? 'reasoning' : 'text', held]] : [];
  }
}

/** How many characters at the end of a text may be the beginning of the tag that ends the thinking. */
function beginningOfEnd(text) {
  for (let count = Math.min(END.length - 1, text.length); count > 0; count -= 1) if (text.endsWith(END.slice(0, count))) return count;
  return 0;
}
