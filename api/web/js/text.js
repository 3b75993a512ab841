// What a text must go through before anybody sees it. Pure.

const HIDDEN_DIRECTION = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
const OVERRIDING = /[\u202A-\u202E\u2066-\u2069]/g;

/** Direction controls as visible marks: they make a text look like another one. Same for any split of the text. */
export const visible = (text) => text.replace(OVERRIDING, named);

/** One line, for lists: no control of any kind, no line breaks. */
export const oneLine = (text) => visible(text).replace(HIDDEN_DIRECTION, '').replace(/\s+/g, ' ').trim();

/** A model's text as the parser gets it. */
export const normalised = (text) => visible(text.replaceAll('\r', ''));

const PIECE = 4_000;
const LOOK_BACK = 400;

/** A very long text in pieces that are laid out only when they are looked at: cut after a line, else a word. */
export function piecesOf(text) {
  const pieces = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + PIECE, text.length);
    if (to < text.length) {
      const piece = text.slice(from, to); // not to look for a line's end through all of the text
      const line = piece.lastIndexOf('\n') + 1;
      const word = piece.lastIndexOf(' ') + 1;
      if (line > 0) to = from + line;
      else if (word > PIECE - LOOK_BACK) to = from + word;
      else if (/[\uDC00-\uDFFF]/.test(text[to])) to += 1; // one character, two units
    }
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\p{sc=Hebr}\p{sc=Arab}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}\p{sc=Adlm}\p{sc=Samr}\p{sc=Mand}]/u;

/** The direction of an element by the first letter in it that is not code or a formula: as `dir=auto` would, but of all below. */
export function directionOf(element) {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const letter = LETTER.exec(text.data)?.[0];
    if (letter && !text.parentElement.closest('code, .code-block, .math, .alert-title')) return RIGHT_TO_LEFT.test(letter) ? 'rtl' : 'ltr';
  }
  return 'ltr';
}

function named(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase()}⟩`;
}
