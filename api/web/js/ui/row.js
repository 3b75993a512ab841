// One conversation in the list.

import { nameOf } from '../conversations.js';
import { go } from '../router.js';
import { drawerOpen } from '../state.js';
import { oneLine, visible } from '../text.js';
import { t } from '../words.js';
import { html, Icon } from './html.js';
import { rowMenu, selection } from './places.js';

const PREVIEW = 120;
export function follow(event, path) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  drawerOpen.value = false;
  go(path);
}

/** `selected`: undefined where nothing is being selected. `state`: of its newest answer, as `activity` tells it. `match`: where a search has found it. */
export function Row({ conversation, here, open, state, selected, match }) {
  const name = nameOf(conversation);
  const path = match?.messageId ? `/c/${conversation.id}?at=${encodeURIComponent(match.messageId)}` : `/c/${conversation.id}`;
  const found = match && html`<${Snippet} ...${match} />`;
  const second = match ? match.snippet : (conversation.preview ?? '');
  // A sentence is said once: what the name begins with is not said again below it.
  const repeats = sameStart(oneLine(second.slice(0, 400)), name);
  return html`<li class=${`row ${here ? 'here' : ''}`} data-testid="conversation-item" data-id=${conversation.id}>
    ${selected !== undefined && html`<input type="checkbox" class="row-check" checked=${selected} aria-label=${name} onClick=${(event) => select(event, conversation.id)} />`}
    <a href=${path} aria-current=${here ? 'page' : undefined} draggable onDragStart=${(event) => drag(event, conversation.id)} onClick=${(event) => (selected === undefined ? follow(event, path) : select(event, conversation.id))}>
      <span class="row-line">${state && html`<i class=${`row-mark ${state}`} role="img" aria-label=${t(`row.${state}`)} title=${t(`row.${state}`)} />`}<bdi class="row-name">${found && repeats ? found : name}</bdi></span>
      ${!repeats && html`<bdi class="row-preview">${found ?? oneLine(second.slice(0, 400)).slice(0, PREVIEW)}</bdi>`}
    </a>
    <div class="menu row-menu"><button type="button" class="menu-button" aria-haspopup="menu" aria-expanded=${open} aria-label=${t('row.more', { name })} title=${t('row.more', { name })}
      onClick=${(event) => (rowMenu.value = open ? null : { conversation, anchor: event.currentTarget })}><${Icon} name="more" /></button></div>
  </li>`;
}

/** With Shift from the last one to this one. */
function select(event, id) {
  if (event.target.type !== 'checkbox') event.preventDefault();
  const now = new Set(selection.value);
  const ids = [...document.querySelectorAll('.list .row')].map((row) => row.dataset.id);
  const [from, to] = [ids.indexOf([...now].at(-1)), ids.indexOf(id)].sort((a, b) => a - b);
  if (event.shiftKey && from >= 0) for (const each of ids.slice(from, to + 1)) now.add(each);
  else if (!now.delete(id)) now.add(id);
  selection.value = now;
}

/** What is dragged is dropped on a folder; what is selected goes with it. */
function drag(event, id) {
  const ids = selection.value?.has(id) ? [...selection.value] : [id];
  event.dataTransfer.setData('application/x-verbatim', ids.join(' '));
}

/** Whether two lines say the same, as far as the shorter one goes; a line that is cut may end in "…". */
function sameStart(one, other) {
  const [a, b] = [one, other].map((each) => each.replace(/^…|…$/g, '').trim());
  return a === '' || a.startsWith(b) || b.startsWith(a);
}

function Snippet({ snippet, start, end }) {
  const part = (from, to) => visible(snippet.slice(from, to)).replace(/\s+/g, ' ');
  return html`${part(0, start)}<mark>${part(start, end)}</mark>${part(end)}`;
}
