// markdown-it rules for $$…$$, \[…\], \(…\) and $…$. A formula holds no blank line, so that no part of a text, once a
// block is complete, can be read otherwise by what follows. What is made holds the formula as it is written, marks and
// all, until it is set.

const CLOSES = { '$$': '$$', '\\[': '\\]', '\\(': '\\)' };
const IN_A_WORD = /[A-Za-z0-9$\\]/;
const GOES_ON = /[0-9A-Z_{$]/;
const NO_END = /[-+*/=<>(,:.]/;
const A_SUM = /^[0-9][0-9.,]*[ \n]+[A-Za-z]{2}/;

export function mathRules(md) {
  md.inline.ruler.before('escape', 'math', inlineMath);
  md.block.ruler.before('fence', 'math_block', blockMath, { alt: ['paragraph', 'reference', 'blockquote', 'list'] });
  const written = ({ markup, content }, closed = true) => md.utils.escapeHtml(markup + content + (closed ? (CLOSES[markup] ?? markup) : ''));
  const formula = (tokens, at) => {
    const token = tokens[at];
    const display = token.markup === '\\(' || token.markup === '$' ? 'inline' : 'block';
    return `<span class="math" data-display="${display}">${written(token)}</span>`;
  };
  md.renderer.rules.math = formula;
  md.renderer.rules.math_open = (tokens, at) => `<p class="math-block">${written(tokens[at], false)}</p>\n`;
  md.renderer.rules.math_block = (tokens, at) => `<p class="math-block">${formula(tokens, at)}</p>\n`;
}

/** The formula of a place, as [opening mark, what is in it, where it ends]; null: there is none. */
function formulaAt(src, at, max) {
  const opening = src.slice(at, at + 2);
  const closing = CLOSES[opening];
  if (closing === undefined) return src[at] === '$' ? dollars(src, at, max) : null;
  const end = src.indexOf(closing, at + 2);
  if (end < 0 || end + 2 > max) return null;
  const content = src.slice(at + 2, end);
  return content.trim() ? [opening, content, end + 2] : null;
}

/**
 * Pandoc's rule for single dollars: no space inside, no digit behind; the next dollar decides. Dollars within a word are
 * money (`US$5`), as are those before a number and a word (`$5 per seat, in US$`); those before a name are a
 * program's (`$PATH:$HOME`, `$a+$b`).
 */
function dollars(src, at, max) {
  if (/\s/.test(src[at + 1] ?? ' ') || (at > 0 && IN_A_WORD.test(src[at - 1]))) return null;
  let end = at + 1;
  for (; end < max && src[end] !== '$'; end += 1) {
    if (src[end] === '`') return null; // code begins
    if (src[end] === '\\') end += 1;
  }
  if (end >= max || end === at + 1 || /\s/.test(src[end - 1]) || GOES_ON.test(src[end + 1] ?? ' ')) return null;
  if (NO_END.test(src[end - 1]) && /[a-z]/.test(src[end + 1] ?? '')) return null;
  const content = src.slice(at + 1, end);
  return A_SUM.test(content) ? null : ['$', content, end + 1];
}

function inlineMath(state, silent) {
  const found = formulaAt(state.src, state.pos, state.posMax);
  if (!found) return false;
  const [markup, content, end] = found;
  if (!silent) Object.assign(state.push('math', 'span', 0), { content, markup });
  state.pos = end;
  return true;
}

function blockMath(state, first, last, silent) {
  const start = state.bMarks[first] + state.tShift[first];
  const opening = state.src.slice(start, start + 2);
  if (state.sCount[first] - state.blkIndent >= 4 || (opening !== '$$' && opening !== '\\[')) return false;
  const closing = CLOSES[opening];
  const lines = [];
  let closed = false;
  let line = first;
  for (; line < last && !closed; line += 1) {
    if (state.isEmpty(line) || (line > first && state.sCount[line] < state.blkIndent)) break;
    let text = state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);
    if (line === first) text = text.slice(2);
    const end = text.indexOf(closing);
    if (end >= 0) {
      if (text.slice(end + 2).trim()) return false;
      text = text.slice(0, end);
      closed = true;
    }
    lines.push(text);
  }
  // While a text is still being written, a formula that is open at its end stays one block.
  const open = !closed && line === last && state.env.unfinished === true;
  if ((!closed && !open) || (closed && !lines.join('').trim())) return false;
  if (silent) return true;
  state.line = line;
  const token = state.push(closed ? 'math_block' : 'math_open', 'p', 0);
  token.block = true;
  token.content = lines.join('\n');
  token.markup = opening;
  token.map = [first, line];
  return true;
}
