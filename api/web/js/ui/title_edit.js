// The title of the conversation as a field: Enter and leaving it keep what is written, Escape does not.

import { gone, rename } from '../conversations.js';
import { complain } from '../state.js';
import { t } from '../words.js';
import { settleFocus } from './focus.js';
import { composing, html, useLayoutEffect, useRef } from './html.js';
import { renaming } from './places.js';

export function TitleEdit({ conversation }) {
  const field = useRef(null);
  const over = useRef(false);
  useLayoutEffect(() => field.current.select(), []);
  const end = (keep, { value }) => {
    if (over.current) return;
    over.current = true;
    const title = value.trim();
    renaming.value = false;
    settleFocus('.bar-title button');
    if (keep && title && !gone.value.has(conversation.id) && title !== conversation.title) rename(conversation.id, title).catch(complain);
  };
  const onKeyDown = (event) => {
    if (composing(event) || (event.key !== 'Enter' && event.key !== 'Escape')) return;
    event.preventDefault();
    event.stopPropagation();
    end(event.key === 'Enter', event.target);
  };
  return html`<input class="title-edit" ref=${field} maxlength="200" dir="auto" aria-label=${t('rename.name')} defaultValue=${conversation.title ?? ''} data-testid="title-edit" onKeyDown=${onKeyDown} onBlur=${(event) => end(true, event.target)} />`;
}
