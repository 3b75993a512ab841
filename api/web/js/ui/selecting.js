// What is done with all that is selected in the list.

import { conversationOf } from '../conversations.js';
import { archive, mark } from '../marks.js';
import { dialog } from '../state.js';
import { t } from '../words.js';
import { remove, takeAway } from './choices.js';
import { html, IconButton } from './html.js';
import './icons.js';
import { selection } from './places.js';

export function SelectionBar() {
  const some = [...selection.value].map(conversationOf).filter(Boolean);
  const ids = some.map(({ id }) => id);
  const none = some.length === 0;
  const done = (act) => () => {
    selection.value = null;
    act();
  };
  const all = () => (selection.value = new Set([...document.querySelectorAll('.list .row')].map((row) => row.dataset.id)));
  const pinned = !none && some.every((each) => each.pinned);
  return html`<div class="selection" role="toolbar" aria-label=${t('marks.select')} data-testid="selection">
    <button type="button" class="link" data-testid="select-all" onClick=${all}>${t('selection.count', { count: some.length })}</button>
    <${IconButton} icon="pin" label=${t(pinned ? 'marks.unpin' : 'marks.pin')} disabled=${none} data-testid="selection-pin" onClick=${done(() => mark(ids, { pinned: !pinned }))} />
    <${IconButton} icon="folder" label=${t('marks.move')} disabled=${none} data-testid="selection-move" onClick=${done(() => (dialog.value = { kind: 'folder', conversations: some }))} />
    <${IconButton} icon="archive" label=${t('marks.archive')} disabled=${none} data-testid="selection-archive" onClick=${done(() => takeAway(some, archive))} />
    <${IconButton} icon="trash" label=${t('row.delete')} disabled=${none} data-testid="selection-delete" onClick=${done(() => remove(some))} />
    <${IconButton} icon="close" label=${t('selection.end')} data-testid="selection-end" onClick=${done(() => {})} />
  </div>`;
}
