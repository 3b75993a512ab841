// One conversation in the list.

import { signal } from '../../vendor/signals.mjs';
import { nameOf } from '../conversations.js';
import { go, route } from '../router.js';
import { dialog, drawerOpen } from '../state.js';
import { oneLine, visible } from '../text.js';
import { t, withWords } from '../words.js';
import { settleFocus } from './focus.js';
import { html, Icon } from './html.js';
import { MenuList } from './menu.js';

const PREVIEW = 120;
/** Whose menu is open: {conversation, anchor}; null: none. There is one for all rows. */
export const rowMenu = signal(null);

export function follow(event, path) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  drawerOpen.value = false;
  go(path);
}

/** `state`: of its newest answer, as `activity` tells it. `match`: where a search has found it. */
export function Row({ conversation, here, open, state, match }) {
  const name = nameOf(conversation);
  const path = match?.messageId ? `/c/${conversation.id}?at=${encodeURIComponent(match.messageId)}` : `/c/${conversation.id}`;
  const found = match && html`<${Snippet} ...${match} />`;
  const second = match ? match.snippet : (conversation.preview ?? '');
  // A sentence is said once: what the name begins with is not said again below it.
  const repeats = sameStart(oneLine(second.slice(0, 400)), name);
  return html`<li class=${`row ${here ? 'here' : ''}`} data-testid="conversation-item" data-id=${conversation.id}>
    <a href=${path} aria-current=${here ? 'page' : undefined} onClick=${(event) => follow(event, path)}>
      <span class="row-line">${state && html`<i class=${`row-mark ${state}`} role="img" aria-label=${t(`row.${state}`)} title=${t(`row.${state}`)} />`}<bdi class="row-name">${found && repeats ? found : name}</bdi></span>
      ${!repeats && html`<bdi class="row-preview">${found ?? oneLine(second.slice(0, 400)).slice(0, PREVIEW)}</bdi>`}
    </a>
    <div class="menu row-menu"><button type="button" class="menu-button" aria-haspopup="menu" aria-expanded=${open} aria-label=${t('row.more', { name })} title=${t('row.more', { name })}
      onClick=${(event) => (rowMenu.value = open ? null : { conversation, anchor: event.currentTarget })}><${Icon} name="more" /></button></div>
  </li>`;
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

/** Deletes what is in the list; the focus goes on to what stands beside it. */
export async function removeFromList(some) {
  const ids = some.map(({ id }) => id);
  const rows = [...document.querySelectorAll('.list .row')];
  const at = rows.findIndex((row) => ids.includes(row.dataset.id));
  const stays = (row) => !ids.includes(row.dataset.id);
  const beside = rows.slice(at).find(stays) ?? rows.findLast(stays);
  const { leave } = await withWords(import('../leaving.js'));
  if (ids.includes(route.value.conversationId)) go('/');
  leave(some);
  settleFocus(at >= 0 && beside?.querySelector('a'));
}

/** The menu of whichever row has it open. */
export function RowMenu() {
  const shown = rowMenu.value;
  if (!shown) return null;
  const { conversation, anchor } = shown;
  return html`<${MenuList} key=${conversation.id} label=${t('row.more', { name: nameOf(conversation) })} anchor=${anchor} onClose=${() => (rowMenu.value = null)} items=${[
    { label: t('row.rename'), icon: 'edit', testid: 'rename', onChoose: () => (dialog.value = { kind: 'rename', conversation }) },
    { label: t('list.export'), icon: 'download', testid: 'export', onChoose: () => (dialog.value = { kind: 'export', conversation }) },
    { label: t('row.delete'), icon: 'close', danger: true, testid: 'delete', onChoose: () => removeFromList([conversation]) },
  ]} />`;
}
