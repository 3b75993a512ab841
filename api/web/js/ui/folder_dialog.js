// Puts conversations into a folder, one that is there or a new one.

import { folders } from '../conversations.js';
import { createFolder, mark } from '../marks.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { html, Icon, useState } from './html.js';
import './icons.js';

const MAX_NAME = 100;

export function FolderDialog({ conversations, close }) {
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const ids = conversations.map(({ id }) => id);
  const put = (folderId) => {
    mark(ids, { folderId });
    close();
  };
  const create = async (event) => {
    event.preventDefault();
    const name = event.target.elements.folder.value.trim();
    if (!name) return;
    setBusy(true);
    try {
      put((await createFolder(name)).id);
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  const now = conversations.length === 1 ? (conversations[0].folderId ?? null) : undefined;
  const choice = (id, name) => html`<li key=${id}><button type="button" class="menu-item" aria-pressed=${now === id} data-testid="folder-choice" onClick=${() => put(id)}>
    <${Icon} name=${id ? 'folder' : 'close'} /><bdi class="menu-text">${name}</bdi>${now === id && html`<${Icon} name="check" />`}</button></li>`;
  return html`<h2 id="dialog-title">${t('folders.move', { count: ids.length })}</h2>
    <ul class="folder-choices">${folders.value.map(({ id, name }) => choice(id, oneLine(name)))}${choice(null, t('folders.none'))}</ul>
    <form onSubmit=${create}>
      <label for="folder-name">${t('folders.new')}</label>
      <div class="folder-new"><input id="folder-name" name="folder" maxlength=${MAX_NAME} dir="auto" autocomplete="off" data-testid="folder-name" />
        <button type="submit" disabled=${busy} data-testid="folder-create">${t('folders.create')}</button></div>
      <p class="form-error" role="alert">${problem}</p>
      <div class="dialog-actions"><button type="button" onClick=${close}>${t('cancel')}</button></div>
    </form>`;
}

export function FolderName({ folder, rename, close }) {
  const [problem, setProblem] = useState('');
  const save = async (event) => {
    event.preventDefault();
    const name = event.target.elements.folder.value.trim();
    try {
      if (name && name !== folder.name) await rename(folder.id, name);
      close();
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<form onSubmit=${save}><h2 id="dialog-title">${t('folders.rename')}</h2>
    <label for="folder-rename">${t('folders.name')}</label>
    <input id="folder-rename" name="folder" maxlength=${MAX_NAME} dir="auto" autofocus defaultValue=${folder.name} data-testid="folder-rename" />
    <p class="form-error" role="alert">${problem}</p>
    <div class="dialog-actions"><button type="button" onClick=${close}>${t('cancel')}</button><button type="submit" class="primary" data-testid="folder-save">${t('row.rename')}</button></div></form>`;
}
