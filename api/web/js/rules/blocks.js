// What people write beside CommonMark: tasks in lists, alerts, and `<br>` in the cells of tables, which have no other way
// to break a line. Every other tag is text.

const TASK = /^\[([ xX])\][ \t\n]+(?=\S)/;
const ALERT = /^\[!(note|tip|important|warning|caution)\][ \t]*(?:\n|$)/i;
const BREAK = /<br[ \t]*\/?>/i;

/** `titles`: what an alert of a kind is called, when it is shown. */
export function blockRules(md, titles) {
  md.core.ruler.before('inline', 'tasks', ({ tokens }) => {
    tokens.forEach((token, at) => {
      const found = token.type === 'inline' && tokens[at - 1].type === 'paragraph_open' && tokens[at - 2]?.type === 'list_item_open' && TASK.exec(token.content);
      if (!found) return;
      token.content = token.content.slice(found[0].length);
      tokens[at - 2].attrJoin('class', found[1] === ' ' ? 'task' : 'task done');
    });
  });
  md.core.ruler.before('inline', 'alerts', (state) => {
    const kept = [];
    let skip = 0;
    state.tokens.forEach((token, at, all) => {
      if (skip > 0) {
        skip -= 1;
        return;
      }
      const found = token.type === 'blockquote_open' && all[at + 1].type === 'paragraph_open' && ALERT.exec(all[at + 2].content);
      // Above nothing it is no alert, as where they come from.
      if (!found || (found[0].length === all[at + 2].content.length && all[at + 4].type === 'blockquote_close')) {
        kept.push(token);
        return;
      }
      const kind = found[1].toLowerCase();
      token.attrSet('class', `alert alert-${kind}`);
      const title = new state.Token('alert_title', 'p', 0);
      title.content = kind;
      kept.push(token, title);
      const text = all[at + 2];
      text.content = text.content.slice(found[0].length);
      if (!text.content) skip = 3;
    });
    state.tokens = kept;
  });
  md.renderer.rules.alert_title = (tokens, at) => `<p class="alert-title">${md.utils.escapeHtml(titles(tokens[at].content))}</p>\n`;

  // Before adjacent texts are joined: an escaped `\<br>` is in two of them.
  md.core.ruler.before('text_join', 'cell_breaks', (state) => {
    state.tokens.forEach((token, at, all) => {
      if (token.type !== 'inline' || !/^t[hd]_open$/.test(all[at - 1].type) || !BREAK.test(token.content)) return;
      token.children = token.children.flatMap((child) => (child.type === 'text' ? broken(state, child) : [child]));
    });
  });
}

function broken(state, text) {
  return text.content.split(new RegExp(BREAK, 'gi')).flatMap((piece, at) => {
    const part = new state.Token('text', '', 0);
    part.content = piece;
    return at === 0 ? [part] : [new state.Token('hardbreak', 'br', 0), part];
  });
}
