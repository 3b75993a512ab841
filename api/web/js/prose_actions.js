// What the buttons within a text do. One listener on the document serves all of them: texts are many, and grow.

import { copyText } from './ui/html.js';
import { t } from './words.js';

const COPIED_MS = 1500;

/** Acts on a press on a button within a text. */
export function actOnProse({ target }) {
  const button = target.closest?.('.code-copy, .code-wrap, .code-source, .note-button');
  if (!button) return;
  if (button.matches('.code-copy')) copyCode(button);
  else if (button.matches('.code-wrap')) switchBlock(button, 'wrapped');
  else if (button.matches('.code-source')) switchBlock(button, 'as-code');
  else toNote(button);
}

async function copyCode(button) {
  const code = button.closest('.code-block').querySelector('code');
  button.textContent = t((await copyText(code.textContent)) ? 'code.copied' : 'code.not-copied');
  setTimeout(() => (button.textContent = t('code.copy')), COPIED_MS);
}

function switchBlock(button, look) {
  const on = button.closest('.code-block').classList.toggle(look);
  button.setAttribute('aria-pressed', String(on));
}

/** From a mark to its note, or back to its first mark. */
function toNote(button) {
  const text = button.closest('.prose');
  const back = button.closest('li[data-note]');
  const wanted = back ? '.note-mark' : 'li[data-note]';
  const found = [...text.querySelectorAll(wanted)].find((each) => each.dataset.note === button.dataset.to);
  const place = back ? found?.querySelector('button') : found;
  place?.focus();
  place?.scrollIntoView({ block: 'nearest' });
}
