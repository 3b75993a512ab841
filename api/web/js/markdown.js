// Markdown to safe nodes: rules, links, the second wall (DOMPurify), and what is loaded only when it is needed.

import MarkdownIt from '../vendor/markdown-it.mjs';
import DOMPurify from '../vendor/purify.mjs';
import { codeBlock } from './code.js';
import { typesetIn } from './math.js';
import { mathRules } from './math_rules.js';
import { normalised, piecesOf } from './text.js';

const ALLOWED_LINK = /^(?:https?|mailto):/i;
const LONGEST_INLINE = 50_000;
const CLEAN = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: ('p br strong em s a code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 hr table thead tbody tr th td span')
    .split(' '),
  ALLOWED_ATTR: ['href', 'title', 'target', 'rel', 'class', 'start', 'data-display'],
  ALLOWED_URI_REGEXP: ALLOWED_LINK,
  ADD_URI_SAFE_ATTR: ['target', 'rel', 'start', 'title'],
  FORBID_ATTR: ['style'],
  FORBID_TAGS: ['style', 'form', 'iframe'],
};

export const md = new MarkdownIt({ html: false, linkify: true });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
md.validateLink = (url) => ALLOWED_LINK.test(url.trim());
mathRules(md);

// A line of a megabyte is text: reading marks in it, and laying out all of it, would hold up the page.
md.core.ruler.before('inline', 'long_text', (state) => {
  for (const token of state.tokens) {
    if (token.type === 'inline' && token.content.length > LONGEST_INLINE) {
      token.children = piecesOf(token.content).map((piece) => {
        const text = new state.Token('long_part', 'span', 0);
        text.content = piece;
        return text;
      });
      token.type = 'long_inline';
    }
  }
});
md.core.ruler.push('long_text_done', (state) => {
  for (const token of state.tokens) if (token.type === 'long_inline') token.type = 'inline';
});
md.renderer.rules.long_part = (tokens, at) => `<span class="long-part">${md.utils.escapeHtml(tokens[at].content)}</span>`;

const linkAttributes = (token, url) => {
  token.attrSet('title', url);
  token.attrSet('target', '_blank');
  token.attrSet('rel', 'noopener noreferrer');
};

md.renderer.rules.link_open = (tokens, at, options, env, self) => {
  linkAttributes(tokens[at], tokens[at].attrGet('href'));
  return self.renderToken(tokens, at, options);
};

// Nothing is fetched from elsewhere: an image is a link to it.
md.renderer.rules.image = (tokens, at, options, env, self) => {
  const url = md.utils.escapeHtml(tokens[at].attrGet('src'));
  const name = md.utils.escapeHtml(self.renderInlineAsText(tokens[at].children ?? [], options, env) || 'image');
  return `<a class="image-link" href="${url}" title="${url}" target="_blank" rel="noopener noreferrer">${name}</a>`;
};

// The policy forbids style attributes, which is what alignment would be.
for (const rule of ['td_open', 'th_open']) {
  md.renderer.rules[rule] = (tokens, at, options, env, self) => {
    const token = tokens[at];
    const align = /text-align:(left|center|right)/.exec(token.attrGet('style') ?? '');
    token.attrs = null;
    if (align) token.attrSet('class', `ta-${align[1]}`);
    return self.renderToken(tokens, at, options);
  };
}

/** The nodes of parsed tokens, safe to insert. `final`: complete blocks, whose code may be coloured. */
export function nodesOf(tokens, env, final) {
  const fragment = DOMPurify.sanitize(md.renderer.render(tokens, md.options, env), CLEAN);
  for (const pre of fragment.querySelectorAll('pre')) pre.replaceWith(codeBlock(pre, final));
  for (const table of fragment.querySelectorAll('table')) {
    const scroller = document.createElement('div');
    scroller.className = 'table-scroll';
    scrollable(scroller, 'Table');
    table.replaceWith(scroller);
    scroller.append(table);
  }
  for (const formula of fragment.querySelectorAll('p.math-block')) scrollable(formula, 'Formula');
  for (const block of fragment.querySelectorAll('p, li, h1, h2, h3, h4, h5, h6, blockquote, td, th')) block.dir = 'auto';
  typesetIn(fragment, final);
  return fragment;
}

/** What may be wider than the page is moved with the keyboard too. */
function scrollable(element, name) {
  element.tabIndex = 0;
  element.setAttribute('role', 'group');
  element.setAttribute('aria-label', name);
}

/** The whole text at once. Colours and formulas may come a moment later. */
export function renderOnce(text) {
  const env = {};
  return nodesOf(md.parse(normalised(text), env), env, true);
}
