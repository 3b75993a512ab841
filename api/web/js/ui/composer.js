// Where one writes: a plain text area with a draft per conversation, long pastes set apart, send or stop.

import { draftOf, keepDraft, keepPastes, noteWriting, pastesOf } from '../kept.js';
import { sends } from '../preferences.js';
import { route } from '../router.js';
import { Snippets } from '../snippets/hook.js';
import { visible } from '../text.js';
import { t } from '../words.js';
import { composing, html, Icon, IconButton, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { ModelPicker } from './model_picker.js';

const LONG_PASTE = 20_000;
const KEEP_AFTER_MS = 300;
const finePointer = matchMedia('(pointer: fine)');

/** `onSend(text)`: false where it cannot be taken now. `live`: the answer being written, which can be stopped. */
export function Composer({ conversationId, live, disabled, onSend, model, setModel, onEditLast }) {
  const field = useRef(null);
  const timer = useRef(0);
  // What is written on while a first prompt becomes a conversation is a draft of that conversation.
  const began = useRef(false);
  const [empty, setEmpty] = useState(true);
  const [pastes, setPastes] = useState([]);
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
  useEffect(() => {
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
  const send = () => {
    const text = whole();
    if (!text.trim() || disabled || !onSend(text)) return;
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
  const onPaste = (event) => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (text.length <= LONG_PASTE) return;
    event.preventDefault();
    putPastes([...pasted.current, text]);
  };
  const nothing = empty && pastes.length === 0;
  return html`<form class="composer" onSubmit=${(event) => { event.preventDefault(); send(); }}>
    ${pastes.length > 0 && html`<ul class="pastes" aria-label=${t('composer.pastes')}>${pastes.map((text, at) => html`<li key=${at}><${Icon} name="paste" />
      <span><bdi>${visible(text.slice(0, 60))}</bdi><small>${t('composer.characters', { count: text.length })}</small></span>
      <${IconButton} icon="close" label=${t('composer.remove-paste')} onClick=${() => putPastes(pastes.filter((_, other) => other !== at))} /></li>`)}</ul>`}
    <textarea ref=${field} rows="1" dir="auto" placeholder=${t('composer.placeholder')} aria-label=${t('composer.label')} data-testid="composer" onInput=${keep} onKeyDown=${onKeyDown} onPaste=${onPaste} />
    <${Snippets} field=${field} />
    <div class="composer-foot">
      <${ModelPicker} model=${model} setModel=${setModel} />
      ${live
        ? html`<button type="button" class="round" data-testid="stop" aria-label=${t('composer.stop')} title=${t('composer.stop')} disabled=${live.stopping.value} onClick=${() => live.stop()}><${Icon} name="stop" /></button>`
        : html`<button type="submit" class="round" data-testid="send" aria-label=${t('composer.send')} title=${t('composer.send')} disabled=${nothing || disabled}><${Icon} name="send" /></button>`}
    </div>
  </form>`;
}
