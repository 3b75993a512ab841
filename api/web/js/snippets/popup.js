// The popup over a field: the snippets that fit the `/name` being written. Arrows walk, Enter and Tab put one in, Escape
// leaves what is written. Asks for a snippet's variables first.

import { sends } from '../preferences.js';
import { toast } from '../state.js';
import { oneLine } from '../text.js';
import { composing, html, useEffect, useLayoutEffect, useRef, useState } from '../ui/html.js';
import { styled } from '../log/stylesheet.js';
import { t } from '../words.js';
import { expanded, filled, matching, wordAt } from './expanding.js';
import { loadSnippets, snippets } from './store.js';

const MAX_SHOWN = 50;
await styled('snippets.css');

export function Popup({ field }) {
  // What is shown; `now` is the same, also between a press of a key and what is drawn next.
  const [shown, setShown] = useState(null);
  const [asking, setAsking] = useState(null);
  const now = useRef(null);
  const show = (next) => setShown((now.current = next));

  useEffect(() => {
    const element = field.current;
    let left = null;
    const look = () => {
      const word = document.activeElement === element && element.selectionStart === element.selectionEnd ? wordAt(element.value, element.selectionStart) : null;
      if (word && !snippets.value) loadSnippets().then(look);
      if (word?.from !== left) left = null;
      const found = word && left === null ? matching(snippets.value ?? [], word.name).slice(0, MAX_SHOWN) : [];
      const same = now.current?.word.from === word?.from && now.current?.word.to === word?.to;
      show(found.length > 0 ? { word, found, at: same ? Math.min(now.current.at, found.length - 1) : 0 } : null);
    };
    const onKeyDown = (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const takes = event.key === 'Enter' || event.key === 'Tab';
      const open = now.current;
      if (!open || composing(event) || event.shiftKey || event.ctrlKey || event.metaKey || !(step || takes || event.key === 'Escape')) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (step) show({ ...open, at: (open.at + step + open.found.length) % open.found.length });
      else if (takes) choose(open.found[open.at]);
      else {
        left = open.word.from;
        show(null);
      }
    };
    const leave = () => show(null);
    element.addEventListener('input', look);
    element.addEventListener('blur', leave);
    element.addEventListener('keydown', onKeyDown, true);
    document.addEventListener('selectionchange', look);
    look();
    return () => {
      element.removeEventListener('input', look);
      element.removeEventListener('blur', leave);
      element.removeEventListener('keydown', onKeyDown, true);
      document.removeEventListener('selectionchange', look);
    };
  }, []);

  const choose = (snippet) => {
    const { word } = now.current;
    try {
      const { text, variables } = expanded(snippet, snippets.value);
      if (variables.length === 0) put(field.current, word, text);
      else setAsking({ snippet, text, variables, word });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      toast(t(`snippet.${error.message}`, { name: snippet.name }));
    }
  };

  const list = useRef(null);
  useLayoutEffect(() => {
    const element = field.current;
    const set = (name, value) => (value === null ? element.removeAttribute(name) : element.setAttribute(name, value));
    set('aria-controls', shown ? 'snippets' : null);
    set('aria-autocomplete', shown ? 'list' : null);
    set('aria-activedescendant', shown ? `snippet-${shown.found[shown.at].id}` : null);
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  });

  if (asking) return html`<${Variables} ...${asking} put=${(text) => put(field.current, asking.word, text)} close=${() => { setAsking(null); field.current.focus(); }} />`;
  if (!shown) return null;
  return html`<ul class="snippets" id="snippets" ref=${list} role="listbox" aria-label=${t('snippet.list')} data-testid="snippets" onPointerDown=${(event) => event.preventDefault()}>
    ${shown.found.map((each, number) => html`<li key=${each.id} id=${`snippet-${each.id}`} role="option" aria-selected=${number === shown.at} data-testid="snippet-option" onClick=${() => choose(each)}>
      <bdi class="snippet-name">/${each.name}</bdi><bdi class="snippet-text">${oneLine(each.text).slice(0, 200)}</bdi></li>`)}
  </ul>`;
}

/** Puts a text in the place of the `/name`, as if it had been written: it can be taken back. */
function put(element, { from, to }, text) {
  element.focus();
  element.setSelectionRange(from, to);
  if (document.execCommand('insertText', false, text)) return;
  element.setRangeText(text, from, to, 'end');
  element.dispatchEvent(new Event('input', { bubbles: true }));
}

function Variables({ snippet, text, variables, put: insert, close }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    element.current.showModal();
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const values = Object.fromEntries(variables.map((name, number) => [name, event.target.elements[`variable-${number}`].value]));
    element.current.close();
    insert(filled(text, values));
  };
  return html`<dialog class="card snippet-form" ref=${element} aria-labelledby="snippet-title" onClose=${close} onKeyDown=${(event) => event.stopPropagation()}>
    <form onSubmit=${submit}><h2 id="snippet-title"><bdi>/${snippet.name}</bdi></h2>
      ${variables.map((name, number) => html`<label key=${name} for=${`variable-${number}`}><bdi>${name}</bdi></label>
        <textarea id=${`variable-${number}`} name=${`variable-${number}`} rows="1" dir="auto" required data-testid="snippet-variable" onKeyDown=${(event) => sends(event) && !composing(event) && (event.preventDefault(), event.target.form.requestSubmit())} />`)}
      <div class="dialog-actions"><button type="button" onClick=${() => element.current.close()}>${t('settings.cancel')}</button>
        <button type="submit" class="primary" data-testid="snippet-insert">${t('snippet.insert')}</button></div>
    </form></dialog>`;
}
