// What the "+" beside the field offers, and what shows that a second model is asked too.

import { go } from '../router.js';
import { styled } from '../log/stylesheet.js';
import { loadSnippets, snippets } from '../snippets/store.js';
import { complain, dialog, models, toast } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import './compare.js'; // what stands there must not go away while this is loaded
import { html, Icon, IconButton } from './html.js';
import './icons.js';
import { MenuList } from './menu.js';
import { modelOr } from './model_picker.js';

await styled('composing.css');

/** `what`: 'all', or 'models' to choose the second one of. `pickFiles()`: asks for some. */
export function Adding({ what, setWhat, anchor, field, pickFiles, conversationId, model, second, setSecond, temporary, setTemporary }) {
  const chosen = modelOr(model)?.id;
  const others = models.value.filter((each) => each.listed !== false && each.id !== chosen);
  const list = (label, items, radio = false) => html`<${MenuList} ...${{ label, items, anchor, radio }} up onClose=${() => setWhat(null)} />`;
  const choose = (id) => {
    setSecond(id);
    field.current.focus();
  };
  if (what === 'models') {
    return list(t('adding.second'), others.map(({ id, description }) => ({ label: oneLine(id), detail: description && html`<bdi>${oneLine(description)}</bdi>`, checked: id === second, testid: 'second-option', onChoose: () => choose(id) })), true);
  }
  return list(t('composer.add'), [
    { label: t('adding.text-file'), icon: 'paste', testid: 'add-file', onChoose: pickFiles },
    { label: t('adding.snippet'), icon: 'slash', testid: 'add-snippet', onChoose: () => beginSnippet(field.current) },
    others.length > 0 && { label: t('adding.compare'), icon: 'compare', testid: 'add-second', onChoose: () => setWhat('models') },
    { label: t('chat-settings.title'), icon: 'tune', testid: 'add-settings', onChoose: () => (dialog.value = { kind: 'chat', conversationId }) },
    setTemporary && { label: t(temporary ? 'temporary.on' : 'temporary.off'), icon: 'temporary', testid: 'add-temporary', onChoose: () => setTemporary(!temporary) },
  ]);
}

/** The second model, which can be left out again. */
export function Second({ model, remove }) {
  return html`<p class="second" data-testid="second"><${Icon} name="compare" /><span>${t('adding.also')} <bdi>${oneLine(model)}</bdi></span>
    <${IconButton} icon="close" label=${t('adding.second-remove')} data-testid="second-remove" onClick=${remove} /></p>`;
}

/** A `/` where one writes: it lists the snippets. Whoever has none is shown where they are made. */
async function beginSnippet(element) {
  await loadSnippets();
  if (!snippets.value) return complain(t('adding.snippets-missing'));
  if (snippets.value.length === 0) {
    toast(t('adding.no-snippets'));
    return go('/settings/prompts');
  }
  element.focus();
  const before = element.value.slice(0, element.selectionStart);
  const text = before === '' || /\s$/.test(before) ? '/' : ' /';
  if (document.execCommand('insertText', false, text)) return undefined;
  element.setRangeText(text, element.selectionStart, element.selectionEnd, 'end');
  element.dispatchEvent(new Event('input', { bubbles: true }));
  return undefined;
}
