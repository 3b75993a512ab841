// The user's snippets: what `/name` in the composer puts in.

import { oneLine } from '../text.js';
import { html, Icon, useEffect, useLayoutEffect, useRef, useState } from '../ui/html.js';
import { MAX_NAME, MAX_TEXT } from '../snippets/expanding.js';
import { loadError, loadSnippets, removeSnippet, saveSnippet, snippets } from '../snippets/store.js';
import { t } from '../words.js';
import { Confirm } from './confirming.js';
import { Group } from './fields.js';
import { Coming, NotRead } from './loading.js';

const REFUSED = { snippet_names_itself: 'snippet.names-itself', name_taken: 'snippet.taken' };

export function Snippets() {
  const [editing, setEditing] = useState(null);
  const [removing, setRemoving] = useState(null);
  const button = useRef(null);
  useEffect(() => {
    loadSnippets();
  }, []);
  const all = snippets.value;
  const done = () => {
    setEditing(null);
    queueMicrotask(() => button.current?.focus());
  };
  return html`<${Group} title=${t('snippet.title')}>
    <p class="hint">${t('snippet.hint', { variable: '{{name}}' })}</p>
    ${!all ? (loadError.value ? html`<${NotRead} error=${loadError.value} again=${loadSnippets} />` : html`<${Coming} />`) : html`
      <ul class="entries" aria-label=${t('snippet.title')}>${all.map((each) => html`<li key=${each.id} data-testid="snippet">${editing === each.id
        ? html`<${Edit} of=${each} done=${done} />`
        : html`<div class="entry"><bdi class="entry-name">/${each.name}</bdi><small><bdi>${oneLine(each.text).slice(0, 200)}</bdi></small></div>
          <button type="button" class="quiet" aria-label=${t('snippet.edit.of', { name: each.name })} data-testid="snippet-edit" onClick=${() => setEditing(each.id)}>${t('snippet.edit')}</button>
          <button type="button" class="quiet danger" aria-label=${t('snippet.delete.of', { name: each.name })} data-testid="snippet-delete" onClick=${() => setRemoving(each)}>${t('snippet.delete')}</button>`}</li>`)}</ul>
      ${editing === 'new' ? html`<${Edit} of=${{ id: null, name: '', text: '' }} done=${done} />` : html`<button type="button" ref=${button} data-testid="snippet-new" onClick=${() => setEditing('new')}><${Icon} name="plus" />${t('snippet.new')}</button>`}`}
    ${removing && html`<${Confirm} title=${t('snippet.delete.of', { name: removing.name })} text=${t('snippet.delete.text')} action=${t('snippet.delete')} act=${() => removeSnippet(removing.id)} close=${() => setRemoving(null)} />`}
  </${Group}>`;
}

function Edit({ of, done }) {
  const name = useRef(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  useLayoutEffect(() => {
    name.current.focus();
  }, []);
  const save = async (event) => {
    event.preventDefault();
    const { elements } = event.target;
    setBusy(true);
    setError('');
    try {
      await saveSnippet(of.id, elements.name.value.trim().replace(/^\//, ''), elements.text.value);
      done();
    } catch (failure) {
      setError(failure.code in REFUSED ? t(REFUSED[failure.code]) : failure.message);
      setBusy(false);
    }
  };
  return html`<form class="snippet-edit" onSubmit=${save} onKeyDown=${(event) => event.key === 'Escape' && done()}>
    <label for="snippet-name">${t('snippet.name')}</label>
    <input id="snippet-name" name="name" ref=${name} maxlength=${MAX_NAME + 1} required pattern=${'/?[\\p{L}\\p{N}_\\-]{1,40}'} title=${t('snippet.name.rule')} autocomplete="off" autocapitalize="off" dir="auto" defaultValue=${of.name} aria-invalid=${Boolean(error)} aria-describedby="snippet-error" data-testid="snippet-name" />
    <label for="snippet-text">${t('snippet.text')}</label>
    <textarea id="snippet-text" name="text" rows="4" maxlength=${MAX_TEXT} required dir="auto" defaultValue=${of.text} data-testid="snippet-text" />
    <p class="form-error" id="snippet-error" role="alert">${error}</p>
    <div class="field-actions"><button type="button" onClick=${done}>${t('settings.cancel')}</button><button type="submit" class="primary" disabled=${busy} data-testid="snippet-save">${t('settings.save')}</button></div>
  </form>`;
}
