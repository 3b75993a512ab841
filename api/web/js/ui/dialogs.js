// The dialogs: renaming, the keyboard. One at a time; Escape closes, focus goes back where it was.

import { rename } from '../conversations.js';
import { sendKey } from '../preferences.js';
import { dialog } from '../state.js';
import { t } from '../words.js';
import { settleFocus } from './focus.js';
import { composing, html, useLayoutEffect, useRef, useState } from './html.js';
import { FolderDialog, FolderName } from './folder_dialog.js';
import { later } from './later.js';

const ChatSettings = later(() => import('./chat_settings.js'), 'ChatSettings');
const Export = later(() => import('../move/export_view.js'), 'ExportDialog');
const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
const COMMAND = MAC ? '⌘' : 'Ctrl';
const shortcuts = (enter = t('general.send.enter')) => [
  ['search', [COMMAND, 'K']], ['find', [COMMAND, 'F']], ['new', [COMMAND, 'Shift', 'O']], ['list', [COMMAND, 'Shift', 'S']],
  ['write', ['/']], ['send', sendKey.value === 'enter' ? [enter] : [COMMAND, enter]], ['line', ['Shift', enter]], ['stop', [COMMAND, '.']], ['print', [COMMAND, 'P']],
  ['edit', ['↑']], ['leave', ['Esc']], ['keys', ['?']],
];

export function Dialogs() {
  const shown = dialog.value;
  const element = useRef(null);
  useLayoutEffect(() => {
    if (shown && !element.current.open) element.current.showModal();
  }, [shown]);
  if (!shown) return null;
  const close = () => {
    dialog.value = null;
    settleFocus('.row.here > a', '.row > a');
  };
  const Part = { folder: FolderDialog, folderName: FolderName, rename: Rename, keys: Keys, chat: ChatSettings, export: Export }[shown.kind];
  return html`<dialog class="card" ref=${element} aria-labelledby="dialog-title" onClose=${close} onClick=${(event) => event.target === element.current && element.current.close()}>
    <${Part} ...${shown} close=${() => element.current.close()} />
  </dialog>`;
}

function useAction(action, close) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const run = async (event) => {
    event?.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      await action(event);
      close();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  // A dialog has the page to itself: what goes wrong is said in it.
  return [busy, run, html`<p class="form-error" role="alert">${problem}</p>`];
}

function Rename({ conversation, close }) {
  const [busy, run, problem] = useAction(async (event) => {
    const title = event.target.elements.title.value.trim();
    if (title && title !== conversation.title) await rename(conversation.id, title);
  }, close);
  return html`<form onSubmit=${run} onKeyDown=${(event) => composing(event) && event.stopPropagation()}>
    <h2 id="dialog-title">${t('row.rename')}</h2>
    <label for="rename-title">${t('rename.name')}</label>
    <input id="rename-title" name="title" maxlength="200" dir="auto" autofocus defaultValue=${conversation.title ?? ''} data-testid="rename-title" />${problem}
    <div class="dialog-actions"><button type="button" onClick=${close}>${t('cancel')}</button>
      <button class="primary" type="submit" disabled=${busy} data-testid="rename-save">${t('row.rename')}</button></div>
  </form>`;
}

function Keys({ close }) {
  return html`<h2 id="dialog-title" tabindex="-1" autofocus>${t('shortcuts.title')}</h2>
    <dl class="keys">${shortcuts().map(([what, keys]) => html`<div key=${what}><dt>${t(`shortcuts.${what}`)}</dt><dd>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dd></div>`)}</dl>
    <div class="dialog-actions"><button type="button" class="primary" onClick=${close}>${t('shortcuts.done')}</button></div>`;
}
