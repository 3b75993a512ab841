// Long prompts begin with their first lines. Pure.

const WIDTH = 80;
const MOST = 30;
const SHOWN = 20;

/** The beginning of a text that takes more than a screen, cut after a line, else a word; null: it is to be shown whole. */
export function beginningOf(text) {
  if (linesOf(text, MOST + 1) <= MOST) return null;
  let from = 0;
  let lines = 0;
  while (lines < SHOWN) {
    const end = text.indexOf('\n', from);
    const length = (end < 0 ? text.length : end) - from;
    const left = SHOWN - lines;
    if (length > left * WIDTH) {
      const most = from + left * WIDTH;
      const word = text.lastIndexOf(' ', most);
      return text.slice(0, word > from ? word : whole(text, most));
    }
    lines += Math.max(1, Math.ceil(length / WIDTH));
    from = end + 1;
  }
  return text.slice(0, from - 1);
}

/** About how many lines a text takes, as far as `most`. */
function linesOf(text, most) {
  let lines = 0;
  for (let from = 0; from <= text.length && lines < most; ) {
    const end = text.indexOf('\n', from);
    lines += Math.max(1, Math.ceil(((end < 0 ? text.length : end) - from) / WIDTH));
    from = end < 0 ? text.length + 1 : end + 1;
  }
  return lines;
}

/** Not in the middle of a character of two units. */
const whole = (text, at) => (/[\uDC00-\uDFFF]/.test(text[at]) ? at - 1 : at);
