// What waits to be sent, above the composer: in its order, to be changed or taken back.

import { changeDraft } from '../kept.js';
import { rewrite, sendQueued, withdraw } from '../queue.js';
import { sends } from '../preferences.js';
import { visible } from '../text.js';
import { t } from '../words.js';
import { settleFocus } from './focus.js';
import { styled } from '../log/stylesheet.js';
import { composing, html, IconButton, useLayoutEffect, useRef, useState } from './html.js';

await styled('composing.css');

const SHOWN = 200;

export function QueueView({ thread, queue }) {
  const { live } = thread;
  const { items, held } = queue;
  const go = (key) => {
    sendQueued(thread.id, live ? live.id : thread.leafId, key);
    live?.stop();
  };
  return html`<section class="queue" aria-label=${t('queue.label')} data-testid="queue">
    <p class="queue-note">${t(held ? 'queue.held' : 'queue.note', { count: items.length })} ${held && html`<button type="button" class="link" data-testid="queue-go" onClick=${() => go(items[0].key)}>${t('queue.go')}</button>`}</p>
    <ol>${items.map((item) => html`<${Item} key=${item.key} ...${{ item, thread, live, go }} />`)}</ol>
  </section>`;
}

function Item({ item, thread, live, go }) {
  const [editing, setEditing] = useState(false);
  const leave = () => {
    setEditing(false);
    settleFocus();
  };
  if (editing) return html`<${Rewrite} ...${{ item, thread }} done=${leave} />`;
  const text = item.content.length > SHOWN ? `${item.content.slice(0, SHOWN)}…` : item.content;
  return html`<li data-testid="queued"><span class="queued-text" dir="auto">${visible(text)}</span>
    <${IconButton} icon="send" label=${t(live ? 'queue.stop-and-send' : 'queue.send-now')} data-testid="queue-now" onClick=${() => go(item.key)} />
    <${IconButton} icon="edit" label=${t('queue.edit')} data-testid="queue-edit" onClick=${() => setEditing(true)} />
    <${IconButton} icon="close" label=${t('queue.remove')} data-testid="queue-remove" onClick=${() => { withdraw(thread.id, item.key); settleFocus(); }} /></li>`;
}

function Rewrite({ item, thread, done }) {
  const field = useRef(null);
  const over = useRef(false);
  useLayoutEffect(() => {
    const element = field.current;
    element.focus();
    // It was sent meanwhile, as it was: what was being written is in the composer.
    return () => !over.current && element.value !== item.content && changeDraft(thread.id, (written) => [written, element.value].filter((each) => each.trim()).join('\n\n'));
  }, []);
  const leave = () => {
    over.current = true;
    done();
  };
  const save = () => {
    const content = field.current.value;
    if (content.trim()) rewrite(thread.id, item.key, content);
    else withdraw(thread.id, item.key);
    leave();
  };
  const onKeyDown = (event) => {
    if (composing(event)) return;
    if (event.key === 'Escape') leave();
    if (sends(event)) {
      event.preventDefault();
      save();
    }
  };
  return html`<li class="queued-edit"><textarea ref=${field} rows="2" dir="auto" aria-label=${t('queue.edit')} data-testid="queue-text" defaultValue=${item.content} onKeyDown=${onKeyDown} />
    <${IconButton} icon="check" label=${t('queue.save')} data-testid="queue-save" onClick=${save} /></li>`;
}
