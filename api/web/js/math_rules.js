// markdown-it rules for $$…$$, \[…\] and \(…\). A single $ is text. A formula holds no blank line, so that no part of a
// text, once a block is complete, can be read otherwise by what follows.

const CLOSES = { '$$': '$$', '\\[': '\\]', '\\(': '\\)' };

export function mathRules(md) {
  md.inline.ruler.before('escape', 'math', inlineMath);
  md.block.ruler.before('fence', 'math_block', blockMath, { alt: ['paragraph', 'reference', 'blockquote', 'list'] });
  const formula = (tokens, at) => {
    const token = tokens[at];
    const display = token.markup === '\\(' ? 'inline' : 'block';
    return `<span class="math" data-display="${display}">${md.utils.escapeHtml(token.content)}</span>`;
  };
  md.renderer.rules.math = formula;
  md.renderer.rules.math_open = (tokens, at) => `<p class="math-block">${md.utils.escapeHtml(tokens[at].content)}</p>\n`;
  md.renderer.rules.math_block = (tokens, at) => `<p class="math-block">${formula(tokens, at)}</p>\n`;
}

function inlineMath(state, silent) {
  const opening = state.src.slice(state.pos, state.pos + 2);
  const closing = CLOSES[opening];
  if (closing === undefined) return false;
  const end = state.src.indexOf(closing, state.pos + 2);
  if (end < 0 || end + 2 > state.posMax) return false;
  const content = state.src.slice(state.pos + 2, end);
  if (!content.trim()) return false;
  if (!silent) {
    const token = state.push('math', 'span', 0);
    token.content = content;
    token.markup = opening;
  }
  state.pos = end + 2;
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
