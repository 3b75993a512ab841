// Where emphasis begins and ends. CommonMark's flanking rule asks for spaces around marks beside punctuation, which
// Chinese, Japanese and Korean do not have: there a mark beside one of their characters counts as beside a word's edge,
// as in markdown-it-cjk-friendly 3.0 (MIT, Tatsunori Uchino), of which this is a port. And `**Note.**Next` closes where
// its writer meant it to.

const CJK = /^[\p{sc=Han}\p{sc=Hangul}\p{sc=Hira}\p{sc=Kana}\p{sc=Bopo}\p{sc=Yi}\p{sc=Tangut}\p{sc=Nushu}\u20A9\u2329\u232A\u2FF0-\u303E\u3099-\u309C\u30A0\u30FB\u30FC\u3190-\u31E5\u31EF\u3200-\u4DFF\uFE10-\uFE19\uFE30-\uFE6B\uFF01-\uFFEE\u{20000}-\u{3FFFD}]/u;
const QUOTE = /^[\u2018\u2019\u201C\u201D]/u;
const SPACE = /^\p{Zs}/u;
const CLOSING = /^[\p{Pe}\p{Pf}.,:;!?%"'…]/u;
const LETTER = /^\p{L}/u;
// What stands before bold that begins: not the end of a term, as in `(a)**n + (b)**m`.
const BEFORE = /^[\s\p{Ps}\p{Pi}\p{Pd}"'>*_~|]/u;

const asText = (code) => String.fromCodePoint(code);
const isCjk = (code) => code >= 0x1100 && CJK.test(asText(code));
const isVariant = (code) => code >= 0xe0100 && code <= 0xe01ef;
const isSelector = (code) => code >= 0xfe00 && code <= 0xfe0e;

export function emphasisRules(md) {
  const { isWhiteSpace, isMdAsciiPunct, isPunctChar } = md.utils;
  const isMark = (code) => isMdAsciiPunct(code) || isPunctChar(asText(code));
  const Plain = md.inline.State;
  md.inline.State = class extends Plain {
    scanDelims(start, canSplitWord) {
      const marker = this.src.charCodeAt(start);
      const [before, at] = previous(this.src, start);
      const second = isSelector(before) ? previous(this.src, at)[0] : null;
      const last = second !== null && !SPACE.test(asText(second)) ? second : before;
      let end = start;
      while (end < this.posMax && this.src.charCodeAt(end) === marker) end += 1;
      const length = end - start;
      const next = end < this.posMax ? this.src.codePointAt(end) : 0x20;
      const [afterSpace, beforeSpace] = [isWhiteSpace(last), isWhiteSpace(next)];
      if (afterSpace || beforeSpace) return { can_open: !beforeSpace, can_close: !afterSpace, length };
      const [afterMark, beforeMark] = [isMark(last), isMark(next)];
      let [opens, closes] = [afterMark, beforeMark];
      if (canSplitWord) {
        const beside = isCjk(next) || (second === null ? isCjk(before) || isVariant(before) : isCjk(second) || (before === 0xfe01 && QUOTE.test(asText(second))));
        opens ||= beside || !beforeMark;
        closes ||= beside || !afterMark;
        closes ||= length === 2 && CLOSING.test(asText(last)) && LETTER.test(asText(next)) && hasBegun(this.src, start);
      }
      return { can_open: opens, can_close: closes, length };
    }
  };
}

/** Whether the two stars before those at a place may be where bold begins. */
function hasBegun(text, at) {
  const begin = text.lastIndexOf('**', at - 1);
  return begin === 0 || (begin > 0 && BEFORE.test(text[begin - 1]));
}

/** The character before a place, and where it begins. */
function previous(text, at) {
  if (at <= 0) return [0x20, -1];
  const unit = text.charCodeAt(at - 1);
  if ((unit & 0xfc00) !== 0xdc00) return [unit, at - 1];
  const code = text.codePointAt(at - 2);
  return code > 0xffff ? [code, at - 2] : [unit, at - 1];
}
