// The folders in the list. One opens with a press and takes what is dropped on it.

import { folders } from '../conversations.js';
import { deleteFolder, loadFolder, mark, renameFolder } from '../marks.js';
import { read, write } from '../kept.js';
import { complain, dialog } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { html, Icon, useEffect, useState } from './html.js';
import './icons.js';
import { Menu } from './menu.js';

const OPEN = 'folders-open';
const opened = () => new Set((read(localStorage, OPEN) ?? '').split(' ').filter(Boolean));

/** `known`: all conversations that are known; `rowOf` draws one. */
export function Folders({ known, rowOf }) {
  return folders.value.map((folder) => html`<${Folder} key=${folder.id} folder=${folder} rowOf=${rowOf} inside=${known.filter(({ folderId, pinned }) => folderId === folder.id && !pinned)} />`);
}

function Folder({ folder, inside, rowOf }) {
  const [open, setOpen] = useState(() => opened().has(folder.id));
  const [over, setOver] = useState(false);
  const [cursor, setCursor] = useState(null);
  const load = (from) => loadFolder(folder.id, from).then(setCursor, complain);
  useEffect(() => {
    if (open) load(null);
  }, [open]);
  const toggle = () => {
    const now = opened();
    if (open) now.delete(folder.id);
    else now.add(folder.id);
    write(localStorage, OPEN, [...now].join(' '));
    setOpen(!open);
  };
  const name = oneLine(folder.name);
  return html`<section class=${`folder ${over ? 'over' : ''}`} data-testid="folder" ...${dropping(setOver, (ids) => mark(ids, { folderId: folder.id }))}>
    <div class="folder-head"><button type="button" class="folder-name" aria-expanded=${open} onClick=${toggle}><${Icon} name="folder" /><bdi>${name}</bdi></button>
      <${Menu} label=${t('row.more', { name })} className="row-menu" testid="folder-menu" items=${[
        { label: t('row.rename'), icon: 'edit', testid: 'folder-menu-rename', onChoose: () => (dialog.value = { kind: 'folderName', folder, rename: renameFolder }) },
        { label: t('folders.delete'), icon: 'close', danger: true, detail: t('folders.delete.hint'), testid: 'folder-menu-delete', onChoose: () => deleteFolder(folder.id).catch(complain) },
      ]}><${Icon} name="more" /></${Menu}></div>
    ${open && html`<ul>${inside.map(rowOf)}</ul>
      ${inside.length === 0 && html`<p class="list-note">${t('folders.empty')}</p>`}
      ${cursor && html`<button type="button" class="quiet wide" onClick=${() => load(cursor)}>${t('list.more')}</button>`}`}
  </section>`;
}

/** What takes rows that are dropped on it. */
export function dropping(setOver, take) {
  const ours = (event) => event.dataTransfer.types.includes('application/x-verbatim');
  return {
    onDragOver: (event) => {
      if (!ours(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event) => event.currentTarget.contains(event.relatedTarget) || setOver(false),
    onDrop: (event) => {
      if (!ours(event)) return;
      event.preventDefault();
      setOver(false);
      take(event.dataTransfer.getData('application/x-verbatim').split(' '));
    },
  };
}
