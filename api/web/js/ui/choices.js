// What can be done with a conversation: from its row in the list, and from its title.

import { nameOf } from '../conversations.js';
import { copyConversation } from '../copying.js';
import { leave } from '../leaving.js';
import { archive, mark } from '../marks.js';
import { printConversation } from '../printing.js';
import { go, route } from '../router.js';
import { dialog } from '../state.js';
import { currentThread } from '../threads.js';
import { t } from '../words.js';
import { settleFocus } from './focus.js';
import { html, Icon } from './html.js';
import './icons.js';
import { MenuList, Menu } from './menu.js';
import { finding, renaming, rowMenu, selection } from './places.js';

/** Takes conversations out of the list by `act`; the focus goes on to what stands beside them. */
export function takeAway(some, act) {
  const ids = some.map(({ id }) => id);
  const rows = [...document.querySelectorAll('.list .row')];
  const at = rows.findIndex((row) => ids.includes(row.dataset.id));
  const stays = (row) => !ids.includes(row.dataset.id);
  const beside = rows.slice(at).find(stays) ?? rows.findLast(stays);
  act(some);
  settleFocus(at >= 0 && beside?.querySelector('a'));
}

export function remove(some) {
  if (some.some(({ id }) => id === route.value.conversationId)) go('/');
  takeAway(some, leave);
}

const ask = (kind, more) => () => (dialog.value = { kind, ...more });

function marksOf(conversation) {
  const { id, pinned, archived } = conversation;
  return [
    !archived && { label: t(pinned ? 'marks.unpin' : 'marks.pin'), icon: 'pin', testid: 'pin', onChoose: () => mark([id], { pinned: !pinned }) },
    { label: t('marks.move'), icon: 'folder', testid: 'move', onChoose: ask('folder', { conversations: [conversation] }) },
    archived
      ? { label: t('marks.unarchive'), icon: 'archive', testid: 'archive', onChoose: () => mark([id], { archived: false }) }
      : { label: t('marks.archive'), icon: 'archive', testid: 'archive', onChoose: () => takeAway([conversation], archive) },
  ];
}

const last = (conversation) => [
  { label: t('list.export'), icon: 'download', testid: 'export', onChoose: ask('export', { conversation }) },
  { label: t('row.delete'), icon: 'close', danger: true, testid: 'delete', onChoose: () => remove([conversation]) },
];

/** The menu of whichever row has it open. */
export function RowMenu() {
  const { conversation, anchor } = rowMenu.value;
  return html`<${MenuList} key=${conversation.id} label=${t('row.more', { name: nameOf(conversation) })} anchor=${anchor} onClose=${() => (rowMenu.value = null)} items=${[
    { label: t('row.rename'), icon: 'edit', testid: 'rename', onChoose: ask('rename', { conversation }) },
    ...marksOf(conversation),
    { label: t('marks.select'), icon: 'check', testid: 'select', onChoose: () => (selection.value = new Set([conversation.id])) },
    ...last(conversation),
  ]} />`;
}

/** The menu at the title of the conversation that is shown. */
export function TitleMenu({ conversation }) {
  return html`<${Menu} label=${t('row.more', { name: nameOf(conversation) })} className="title-menu" testid="title-menu" start items=${[
    { label: t('row.rename'), icon: 'edit', testid: 'title-rename', onChoose: () => (renaming.value = true) },
    ...marksOf(conversation),
    { label: t('find.name'), icon: 'search', testid: 'find-open', onChoose: () => (finding.value = true) },
    { label: t('copying.name'), icon: 'copy', testid: 'copy-conversation', onChoose: () => copyConversation(currentThread()) },
    { label: t('printing.name'), icon: 'print', testid: 'print', onChoose: () => printConversation(currentThread()) },
    ...last(conversation),
  ]}><${Icon} name="chevron" /></${Menu}>`;
}
