// Where one writes: a plain text area with a draft per conversation, long pastes set apart, send or stop.

import { settingsOf } from '../asking.js';
import { draftOf, keepDraft, keepPastes, noteWriting, pastesOf } from '../kept.js';
import { sends } from '../preferences.js';
import { route } from '../router.js';
import { dialog } from '../state.js';
import { visible } from '../text.js';
import { t, withWords } from '../words.js';
import { composing, html, Icon, IconButton, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { later, partMissing } from './later.js';
import { ModelPicker } from './model_picker.js';

const Adding = later(() => import('./adding.js'), 'Adding');
const Snippets = later(() => import('../snippets/hook.js'), 'Snippets');
const Second = later(() => import('./adding.js'), 'Second');

const LONG_PASTE = 20_000;
const KEEP_AFTER_MS = 300;
const finePointer = matchMedia('(pointer: fine)');

/**
 * `onSend(text, stopping)`: false where it cannot be taken now. `live`: the answer being written, which can be stopped;
 * what is sent meanwhile waits for its end, or, with `stopping`, ends it. `second`: a model that is asked too.
 */
export function Composer({ conversationId, live, queues, disabled, onSend, onStop, model, setModel, second, setSecond, temporary, setTemporary, onEditLast }) {
  const field = useRef(null);
  const timer = useRef(0);
  // What is written on while a first prompt becomes a conversation is a draft of that conversation.
  const began = useRef(false);
  const [empty, setEmpty] = useState(true);
  const [pastes, setPastes] = useState([]);
  const [adding, setAdding] = useState(null);
  const plus = useRef(null);
  const files = useRef(null);
  const pasted = useRef(pastes); // what is true now, also before the next render
  useLayoutEffect(() => {
    const element = field.current;
    const show = (text) => {
      element.value = text;
      setEmpty(!text.trim());
    };
    if (began.current) keepDraft(conversationId, element.value);
    else show(draftOf(conversationId));
    began.current = false;
    setPastes((pasted.current = pastesOf(conversationId)));
    noteWriting({ conversation: conversationId, read: () => element.value, write: (text) => { show(text); keep(); } });
    return () => {
      noteWriting(null);
      clearTimeout(timer.current);
      keepDraft(conversationId, began.current ? '' : element.value);
    };
  }, [conversationId]);
  // At once: the next key may come before the next frame.
  useLayoutEffect(() => {
    if (finePointer.matches) field.current.focus();
  }, [conversationId]);
  const putPastes = (texts) => {
    setPastes((pasted.current = texts));
    keepPastes(conversationId, texts);
  };
  const whole = () => [field.current.value, ...pasted.current].filter((each) => each.trim()).join('\n\n');
  const keep = () => {
    clearTimeout(timer.current);
    const { value } = field.current;
    setEmpty(!value.trim());
    timer.current = setTimeout(() => keepDraft(conversationId, value), KEEP_AFTER_MS);
  };
  const send = (stopping = false) => {
    const text = whole();
    if (!text.trim() || disabled || !onSend(text, stopping)) return;
    clearTimeout(timer.current);
    field.current.value = '';
    keepDraft(conversationId, '');
    putPastes([]);
    setEmpty(true);
    began.current = route.peek().conversationId !== conversationId;
  };
  const onKeyDown = (event) => {
    if (composing(event)) return;
    if (sends(event)) {
      event.preventDefault();
      send();
    } else if (event.key === 'ArrowUp' && field.current.value === '') {
      event.preventDefault();
      onEditLast?.();
    }
  };
  const takeFiles = async (event) => {
    const { files = [] } = event.clipboardData ?? event.dataTransfer ?? {};
    if (files.length === 0) return;
    event.preventDefault();
    await take(files);
  };
  const take = async (some) => {
    const { textsOf } = await withWords(import('./files.js')).catch(() => ({}));
    if (!textsOf) return partMissing();
    const texts = await textsOf(some);
    if (texts.length > 0) putPastes([...pasted.current, ...texts]);
  };
  // Wherever a file is let go, the page stays: a browser would open it instead.
  useEffect(() => {
    const over = (event) => event.dataTransfer?.types.includes('Files') && event.preventDefault();
    addEventListener('dragover', over);
    addEventListener('drop', takeFiles);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', takeFiles);
    };
  }, [conversationId]);
  const onPaste = (event) => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    // What is copied from a table or a document comes with a picture of it: the text is meant.
    if (!text || ![...event.clipboardData.files].every(({ type }) => type.startsWith('image/'))) takeFiles(event);
    if (event.defaultPrevented) return;
    if (text.length <= LONG_PASTE) return;
    event.preventDefault();
    putPastes([...pasted.current, text]);
  };
  const opens = (event) => {
    if (adding || (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')) return;
    event.preventDefault();
    setAdding('all');
  };
  const sendLabel = t(queues ? 'composer.queue' : 'composer.send');
  const nothing = empty && pastes.length === 0;
  return html`<form class="composer" onSubmit=${(event) => { event.preventDefault(); send(); }}>
    ${pastes.length > 0 && html`<ul class="pastes" aria-label=${t('composer.pastes')}>${pastes.map((text, at) => html`<li key=${at}><${Icon} name="paste" />
      <span><bdi>${visible(text.slice(0, 60))}</bdi><small>${t('composer.characters', { count: text.length })}</small></span>
      <${IconButton} icon="close" label=${t('composer.remove-paste')} onClick=${() => putPastes(pastes.filter((_, other) => other !== at))} /></li>`)}</ul>`}
    ${second && html`<${Second} model=${second} remove=${() => { setSecond(null); field.current.focus(); }} />`}
    <textarea ref=${field} rows="1" dir="auto" placeholder=${t('composer.placeholder')} aria-label=${t('composer.label')} data-testid="composer" onInput=${keep} onKeyDown=${onKeyDown} onPaste=${onPaste} />
    <${Snippets} field=${field} />
    <div class="composer-foot">
      <span class="composer-chooses"><button type="button" class="icon-button" ref=${plus} aria-haspopup="menu" aria-expanded=${Boolean(adding)} aria-label=${t('composer.add')} title=${t('composer.add')} data-testid="add" onClick=${() => setAdding(adding ? null : 'all')} onKeyDown=${opens}><${Icon} name="plus" /></button>
        <input type="file" multiple hidden ref=${files} data-testid="files" onChange=${({ target }) => take([...target.files]).then(() => (target.value = ''))} />
        ${adding && html`<${Adding} key=${adding} ...${{ what: adding, setWhat: setAdding, anchor: plus.current, field, pickFiles: () => files.current.click(), conversationId, model, second, setSecond, temporary, setTemporary }} />`}
        <${ModelPicker} model=${model} setModel=${setModel} />
        ${Object.keys(settingsOf(conversationId)).length > 0 && html`<${IconButton} icon="tune" label=${t('chat-settings.title')} data-testid="chat-settings" onClick=${() => (dialog.value = { kind: 'chat', conversationId })} />`}</span>
      <span class="composer-acts">${live && html`${queues && !nothing && html`<button type="button" class="quiet stop-and-send" data-testid="stop-and-send" onClick=${() => send(true)}>${t('composer.stop-and-send')}</button>`}
        <button type="button" class="round" data-testid="stop" aria-label=${t('composer.stop')} title=${t('composer.stop')} disabled=${live.stopping.value} onClick=${onStop}><${Icon} name="stop" /></button>`}
      ${(!live || !nothing) && html`<button type="submit" class="round" data-testid="send" aria-label=${sendLabel} title=${sendLabel} disabled=${nothing || disabled}><${Icon} name="send" /></button>`}</span>
    </div>
  </form>`;
}
