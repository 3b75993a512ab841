// The prompts that a new chat offers to begin with: the user's own, up to a few.

import { change, MAX_START, MAX_STARTS, starts } from '../preferences.js';
import { html, IconButton, useEffect, useLayoutEffect, useRef, useState } from '../ui/html.js';
import { t } from '../words.js';
import { Group } from './fields.js';

export function Starts() {
  const kept = starts.value ?? [];
  const [texts, setTexts] = useState(kept);
  const list = useRef(null);
  useEffect(() => setTexts(kept), [JSON.stringify(kept)]);
  const written = texts.map((each) => each.trim()).filter(Boolean);
  const changed = JSON.stringify(written) !== JSON.stringify(kept);
  const put = (at, text) => setTexts(texts.map((each, other) => (other === at ? text : each)));
  const added = useRef(false);
  const add = () => {
    added.current = true;
    setTexts([...texts, '']);
  };
  useLayoutEffect(() => {
    if (added.current) list.current.querySelector('li:last-child input').focus();
    added.current = false;
  }, [texts.length]);
  return html`<${Group} title=${t('starts.title')}>
    <p class="hint">${t('starts.hint')}</p>
    <form onSubmit=${(event) => { event.preventDefault(); change({ starts: written.length > 0 ? written : null }); }}>
      <ul class="starts-list" ref=${list}>${texts.map((text, at) => html`<li key=${at}>
        <input value=${text} maxlength=${MAX_START} dir="auto" autocomplete="off" aria-label=${t('starts.one', { number: at + 1 })} data-testid="start-text" onInput=${(event) => put(at, event.target.value)} />
        <${IconButton} icon="close" label=${t('starts.remove', { number: at + 1 })} onClick=${() => setTexts(texts.filter((_, other) => other !== at))} /></li>`)}</ul>
      <div class="field-actions">
        <span class="hint"><button type="button" disabled=${texts.length >= MAX_STARTS} data-testid="start-add" onClick=${add}>${t('starts.add')}</button></span>
        ${changed && html`<button type="button" onClick=${() => setTexts(kept)}>${t('settings.cancel')}</button>
        <button type="submit" class="primary" data-testid="starts-save">${t('settings.save')}</button>`}</div>
    </form>
  </${Group}>`;
}
