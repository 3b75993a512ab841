// A block of code: its language, buttons (served by one listener on the document), colours when it is complete.

import { highlight } from './highlight.js';
import { piecesOf } from './text.js';
import { t, withWords } from './words.js';

const LONG = 50_000;
const DIAGRAM = /^mermaid$/i;

/** The block that stands for a `pre` made by the parser. */
export function codeBlock(pre, final) {
  const code = pre.querySelector('code') ?? pre;
  const language = /(?:^|\s)language-(\S+)/.exec(code.className)?.[1] ?? '';
  const made = emptyCodeBlock(language);
  const text = code.textContent;
  if (text.length > LONG) made.code.append(...piecesOf(text).map((piece) => element('span', 'long-part', piece)));
  else made.code.textContent = text;
  if (final && DIAGRAM.test(language)) drawDiagram(made.block, text);
  else if (final) highlight(made.code, language);
  return made.block;
}

async function drawDiagram(block, source) {
  try {
    const { showDiagram } = await withWords(import('./diagrams/diagrams.js'));
    await showDiagram(block, source);
  } catch (error) {
    console.warn('A diagram stays code:', error.message);
  }
}

/** A block without text yet: the streamer fills it line by line. */
export function emptyCodeBlock(language) {
  const block = element('div', 'code-block');
  const head = element('div', 'code-head');
  const name = element('span', 'code-language', language.slice(0, 40) || t('code.text'));
  const wrap = button('code-wrap', t('code.wrap'), 'wrap-code');
  wrap.setAttribute('aria-pressed', 'false');
  const copy = button('code-copy', t('code.copy'), 'copy-code');
  copy.setAttribute('aria-label', language ? t('code.copy-language', { language: language.slice(0, 40) }) : t('code.copy-code'));
  const pre = element('pre', '');
  pre.tabIndex = 0;
  pre.dir = 'ltr';
  const code = element('code', '');
  pre.append(code);
  head.append(name, wrap, copy);
  block.append(head, pre);
  return { block, code };
}

function button(className, text, testid) {
  const made = element('button', className, text);
  made.type = 'button';
  made.dataset.testid = testid;
  return made;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
