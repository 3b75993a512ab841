// Where one writes: a plain text area with a draft per conversation, long pastes set apart, send or stop.

import { batch } from '../../vendor/signals.mjs';
import { count } from '../format.js';
import { draftOf, keepDraft, keepPastes, noteWriting, pastesOf } from '../kept.js';
import { sends } from '../preferences.js';
import { visible } from '../text.js';
import { composing, html, Icon, IconButton, useEffect, useRef, useState } from './html.js';
import { ModelPicker } from './model_picker.js';

const LONG_PASTE = 20_000;
const KEEP_AFTER_MS = 300;
const finePointer = matchMedia('(pointer: fine)');

/** `onSend(text)`: true when it was taken. `live`: the answer being written, which can be stopped. */
export function Composer({ conversationId, live, disabled, onSend, model, setModel, onEditLast }) {
  const field = useRef(null);
  const timer = useRef(0);
  const [empty, setEmpty] = useState(true);
  const [pastes, setPastes] = useState([]);
  useEffect(() => {
    const element = field.current;
    const show = (text) => {
      element.value = text;
      setEmpty(!text.trim());
    };
    show(draftOf(conversationId));
    setPastes(pastesOf(conversationId));
    noteWriting({ conversation: conversationId, read: () => element.value, write: (text) => { show(text); keep(); } });
    if (finePointer.matches) element.focus();
    return () => {
      noteWriting(null);
      clearTimeout(timer.current);
      keepDraft(conversationId, element.value);
    };
  }, [conversationId]);
  const putPastes = (texts) => {
    setPastes(texts);
    keepPastes(conversationId, texts);
  };
  const whole = () => [field.current.value, ...pastes].filter((each) => each.trim()).join('\n\n');
  const keep = () => {
    clearTimeout(timer.current);
    const { value } = field.current;
    setEmpty(!value.trim());
    timer.current = setTimeout(() => keepDraft(conversationId, value), KEEP_AFTER_MS);
  };
  const send = async () => {
    const text = whole();
    if (!text.trim() || live || disabled) return;
    clearTimeout(timer.current);
    keepDraft(conversationId, field.current.value);
    if (!(await onSend(text))) return;
    batch(() => {
      keepDraft(conversationId, '');
      if (field.current) field.current.value = '';
      putPastes([]);
      setEmpty(true);
    });
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
    putPastes([...pastes, text]);
  };
  const nothing = empty && pastes.length === 0;
  return html`<form class="composer" onSubmit=${(event) => { event.preventDefault(); send(); }}>
    ${pastes.length > 0 && html`<ul class="pastes" aria-label="Pasted texts">${pastes.map((text, at) => html`<li key=${at}><${Icon} name="paste" />
      <span><bdi>${visible(text.slice(0, 60))}</bdi><small>${count(text.length)} characters</small></span>
      <${IconButton} icon="close" label="Remove this text" onClick=${() => putPastes(pastes.filter((_, other) => other !== at))} /></li>`)}</ul>`}
    <textarea ref=${field} rows="1" dir="auto" placeholder="Write a message" aria-label="Message" data-testid="composer" onInput=${keep} onKeyDown=${onKeyDown} onPaste=${onPaste} />
    <div class="composer-foot">
      <${ModelPicker} model=${model} setModel=${setModel} />
      ${live
        ? html`<button type="button" class="round" data-testid="stop" aria-label="Stop the answer" title="Stop the answer" disabled=${live.stopping.value} onClick=${() => live.stop()}><${Icon} name="stop" /></button>`
        : html`<button type="submit" class="round" data-testid="send" aria-label="Send" title="Send" disabled=${nothing || disabled}><${Icon} name="send" /></button>`}
    </div>
  </form>`;
}
