// Markdown to safe nodes: rules, links, the second wall (DOMPurify), and what is loaded only when it is needed.

import MarkdownIt from '../vendor/markdown-it.mjs';
import DOMPurify from '../vendor/purify.mjs';
import { codeBlock } from './code.js';
import { typesetIn } from './math.js';
import { blockRules } from './rules/blocks.js';
import { emphasisRules } from './rules/emphasis.js';
import { footnoteRules } from './rules/footnotes.js';
import { mathRules } from './rules/math.js';
import { directionOf, normalised, piecesOf } from './text.js';
import { t } from './words.js';

const ALLOWED_LINK = /^(?:https?|mailto):/i;
const LONGEST_INLINE = 50_000;
const CLEAN = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: ('p br strong em s a code pre ul ol li blockquote h1 h2 h3 h4 h5 h6 hr table thead tbody tr th td span sup section')
    .split(' '),
  ALLOWED_ATTR: ['href', 'title', 'target', 'rel', 'class', 'start', 'data-display', 'data-note'],
  ALLOWED_URI_REGEXP: ALLOWED_LINK,
  ADD_URI_SAFE_ATTR: ['target', 'rel', 'start', 'title'],
  FORBID_ATTR: ['style'],
  FORBID_TAGS: ['style', 'form', 'iframe'],
};

export const md = new MarkdownIt({ html: false, linkify: true, breaks: true });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
md.validateLink = (url) => ALLOWED_LINK.test(url.trim());
emphasisRules(md);
mathRules(md);
blockRules(md, (kind) => t(`alert.${kind}`));
footnoteRules(md);

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
  for (const each of fragment.querySelectorAll(':not(pre) > code, .math')) each.dir = 'ltr';
  for (const block of fragment.querySelectorAll('ul, ol, blockquote')) block.dir = directionOf(block);
  for (const block of fragment.querySelectorAll('p:not(.alert-title), li, h1, h2, h3, h4, h5, h6, td, th')) block.dir = 'auto';
  for (const item of fragment.querySelectorAll('li:has(> p)')) item.parentNode.classList.add('loose');
  for (const item of fragment.querySelectorAll('li.task')) (item.querySelector(':scope > p') ?? item).prepend(checkbox(item));
  for (const table of fragment.querySelectorAll('table')) {
    const scroller = document.createElement('div');
    scroller.className = 'table-scroll';
    scroller.dir = directionOf(table);
    scrollable(scroller, t('prose.table'));
    table.replaceWith(scroller);
    scroller.append(table);
  }
  for (const formula of fragment.querySelectorAll('p.math-block')) scrollable(formula, t('prose.formula'));
  for (const mark of fragment.querySelectorAll('.note-mark')) mark.replaceChildren(noteButton(mark.dataset.note, mark.textContent, t('note.mark', { name: mark.textContent })));
  for (const note of fragment.querySelectorAll('.notes li[data-note]')) {
    note.tabIndex = -1;
    (note.querySelector(':scope > p:last-child') ?? note).append(' ', noteButton(note.dataset.note, '↩\uFE0E', t('note.back')));
  }
  typesetIn(fragment, final);
  return fragment;
}

function checkbox(item) {
  const made = document.createElement('input');
  made.type = 'checkbox';
  made.disabled = true;
  // The attribute: what is set by the property alone is not part of the text's elements.
  made.toggleAttribute('checked', item.classList.contains('done'));
  made.setAttribute('aria-label', t(item.classList.contains('done') ? 'task.done' : 'task.open'));
  return made;
}

/** Leads from a mark to its note and back: one listener on the document serves all of them. */
function noteButton(name, text, label) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'note-button';
  made.dataset.to = name;
  made.textContent = text;
  made.setAttribute('aria-label', label);
  return made;
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
