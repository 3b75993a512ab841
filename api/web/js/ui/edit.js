// A prompt being edited. Sending it keeps the earlier version, and all that followed it, as a branch.

import { sends } from '../preferences.js';
import { t } from '../words.js';
import { useReturn } from './focus.js';
import { composing, html, useLayoutEffect, useRef, useState } from './html.js';

export function Edit({ message, thread, model, done }) {
  const field = useRef(null);
  const [stopping, setStopping] = useState(false);
  const left = useRef(false);
  useReturn(field, '[data-testid=edit]');
  // At once: the next key may come before the next frame.
  useLayoutEffect(() => {
    field.current.focus();
    field.current.setSelectionRange(field.current.value.length, field.current.value.length);
  }, []);
  const send = async () => {
    const content = field.current.value;
    if (!content.trim() || stopping) return;
    if (thread.live) {
      setStopping(true);
      await thread.stop();
      if (left.current) return;
    }
    done();
    thread.say(content, message.parentMessageId ?? null, model, { edited: true });
  };
  const leave = () => {
    left.current = true;
    done();
  };
  const onKeyDown = (event) => {
    if (composing(event)) return;
    if (event.key === 'Escape') leave();
    if (sends(event)) {
      event.preventDefault();
      send();
    }
  };
  return html`<div class="edit"><textarea ref=${field} dir="auto" aria-label=${t('edit.label')} data-testid="edit-text" readonly=${stopping} defaultValue=${message.content} onKeyDown=${onKeyDown} />
    <div class="dialog-actions"><span class="muted small">${t('edit.kept')}</span><button type="button" onClick=${leave}>${t('cancel')}</button>
      <button type="button" class="primary" data-testid="edit-save" disabled=${stopping} onClick=${send}>${t(thread.live ? 'edit.stop-and-send' : 'edit.send')}</button></div></div>`;
}
