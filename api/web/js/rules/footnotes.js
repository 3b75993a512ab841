// Footnotes: `[^1]` in a text, and `[^1]: …` anywhere in it with what is indented below. Both hold for the whole text:
// of a text that is still being written, the notes stand where they are written, and at its end all of it is rendered
// once more. What is no note stays as it is written; a note that nothing points to stands below the others.

const NOTE = /^\[\^([^\]\s]{1,100})\]:/;
const MARK = /^\[\^([^\]\s]{1,100})\]/;
// Whether a mark whose note has not been written yet is one.
const LIKELY = /^\d{1,3}$/;
const INDENT = 4;

export function footnoteRules(md) {
  md.block.ruler.before('reference', 'note', note, { alt: ['paragraph', 'reference', 'blockquote', 'list'] });
  md.inline.ruler.before('link', 'note_mark', noteMark);
  md.core.ruler.after('inline', 'notes', gathered);
  const { escapeHtml } = md.utils;
  const { rules } = md.renderer;
  rules.note_mark = (tokens, at) => `<sup class="note-mark" data-note="${escapeHtml(tokens[at].meta.name)}">${escapeHtml(tokens[at].meta.name)}</sup>`;
  rules.notes_open = (tokens, at) => `<section class="notes"><ol${tokens[at].meta.start ? ` start="${tokens[at].meta.start}"` : ''}>\n`;
  rules.notes_close = () => '</ol></section>\n';
  rules.note_open = (tokens, at) => `<li data-note="${escapeHtml(tokens[at].meta.name)}">\n`;
  rules.note_close = () => '</li>\n';
}

/** env.notes: {numbers: label → its number, by first mark; labels: of the notes there are}. */
const notesOf = (env) => (env.notes ??= { numbers: new Map(), labels: new Set() });

function note(state, first, last, silent) {
  const start = state.bMarks[first] + state.tShift[first];
  if (state.sCount[first] > 0 || state.src[start] !== '[') return false;
  const found = NOTE.exec(state.src.slice(start, state.eMarks[first]));
  if (!found) return false;
  if (silent) return true;
  if (state.level > 0) return false;
  const notes = notesOf(state.env);
  // Of two of one name, the first is meant.
  const label = notes.labels.has(found[1]) ? Symbol(found[1]) : found[1];
  notes.labels.add(label);

  const open = state.push('note_open', 'li', 1);
  open.meta = { label, name: found[1] };
  open.map = [first, first];
  // The first line, without its mark, and lines that are indented, are a text of their own.
  const { bMarks, tShift, sCount, blkIndent, parentType } = state;
  const kept = [bMarks[first], tShift[first], sCount[first]];
  const content = start + found[0].length;
  const space = /^[ \t]*/.exec(state.src.slice(content, state.eMarks[first]))[0].length;
  bMarks[first] = content;
  tShift[first] = space;
  sCount[first] = INDENT;
  state.blkIndent = INDENT;
  state.parentType = 'note';
  state.md.block.tokenize(state, first, last);
  [bMarks[first], tShift[first], sCount[first]] = kept;
  Object.assign(state, { blkIndent, parentType });
  open.map[1] = state.line;
  state.push('note_close', 'li', -1);
  return true;
}

function noteMark(state, silent) {
  if (state.src[state.pos] !== '[' || state.src[state.pos + 1] !== '^') return false;
  const found = MARK.exec(state.src.slice(state.pos, Math.min(state.posMax, state.pos + 110)));
  if (!found) return false;
  const label = found[1];
  const { unfinished, notes: known } = state.env;
  if (!known?.labels.has(label) && !(unfinished && LIKELY.test(label))) return false;
  if (!silent) {
    const { numbers } = notesOf(state.env);
    if (!numbers.has(label)) numbers.set(label, numbers.size + 1);
    state.push('note_mark', 'sup', 0).meta = { name: unfinished ? label : String(numbers.get(label)) };
  }
  state.pos += found[0].length;
  return true;
}

/** Notes below the text, in the order of their marks; while it is unfinished, where they are. */
function gathered(state) {
  const { notes, unfinished } = state.env;
  if (!notes) return;
  const made = (type, nesting, more = {}) => Object.assign(new state.Token(type, '', nesting), { meta: {} }, more);
  if (unfinished) {
    state.tokens = state.tokens.flatMap((token) => {
      if (token.type === 'note_close') return [token, made('notes_close', -1)];
      if (token.type !== 'note_open') return [token];
      const { map, meta: { name } } = token;
      token.level = 1;
      return [made('notes_open', 1, { map, meta: { start: LIKELY.test(name) ? name : '' } }), token];
    });
    return;
  }
  const text = [];
  const written = [];
  let into = text;
  for (const token of state.tokens) {
    if (token.type === 'note_open') written.push((into = []));
    into.push(token);
    if (token.type === 'note_close') into = text;
  }
  for (const [{ meta }] of written) {
    if (!notes.numbers.has(meta.label)) notes.numbers.set(meta.label, notes.numbers.size + 1);
    meta.number = notes.numbers.get(meta.label);
    meta.name = String(meta.number);
  }
  written.sort(([one], [other]) => one.meta.number - other.meta.number);
  if (written.length > 0) text.push(made('notes_open', 1), ...written.flat(), made('notes_close', -1));
  state.tokens = text;
}
