// The dialogs: deleting, renaming, the keyboard. One at a time; Escape closes, focus goes back where it was.

import { nameOf, remove, rename } from '../conversations.js';
import { go, route } from '../router.js';
import { dialog } from '../state.js';
import { settleFocus } from './focus.js';
import { composing, html, useEffect, useRef, useState } from './html.js';
import { later } from './later.js';

const ChatSettings = later(() => import('./chat_settings.js'), 'ChatSettings');
const Export = later(() => import('../move/export_view.js'), 'ExportDialog');
const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
const COMMAND = MAC ? '⌘' : 'Ctrl';
const KEYS = [
  ['Search conversations', [COMMAND, 'K']], ['New chat', [COMMAND, 'Shift', 'O']], ['Show or hide the list', [COMMAND, 'Shift', 'S']],
  ['Write', ['/']], ['Send', ['Enter']], ['New line', ['Shift', 'Enter']], ['Stop the answer', [COMMAND, '.']], ['Print the conversation', [COMMAND, 'P']],
  ['Edit the last prompt', ['↑']], ['Leave an edit, close a dialog', ['Esc']], ['This list', ['?']],
];

export function Dialogs() {
  const shown = dialog.value;
  const element = useRef(null);
  useEffect(() => {
    if (shown && !element.current.open) element.current.showModal();
  }, [shown]);
  if (!shown) return null;
  const close = () => {
    dialog.value = null;
    settleFocus('.row.here > a', '.row > a');
  };
  const Part = { remove: Remove, rename: Rename, keys: Keys, chat: ChatSettings, export: Export }[shown.kind];
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

function Remove({ conversation, close }) {
  const [busy, run, problem] = useAction(async () => {
    await remove(conversation.id);
    if (route.value.conversationId === conversation.id) go('/');
  }, close);
  return html`<h2 id="dialog-title">Delete this conversation?</h2>
    <p>“<bdi>${nameOf(conversation)}</bdi>” and all its messages will be gone. This cannot be undone.</p>${problem}
    <div class="dialog-actions"><button type="button" onClick=${close}>Cancel</button>
      <button type="button" class="primary danger" disabled=${busy} data-testid="confirm-delete" onClick=${run}>Delete</button></div>`;
}

function Rename({ conversation, close }) {
  const [busy, run, problem] = useAction(async (event) => {
    const title = event.target.elements.title.value.trim();
    if (title && title !== conversation.title) await rename(conversation.id, title);
  }, close);
  return html`<form onSubmit=${run} onKeyDown=${(event) => composing(event) && event.stopPropagation()}>
    <h2 id="dialog-title">Rename</h2>
    <label for="rename-title">Name of the conversation</label>
    <input id="rename-title" name="title" maxlength="200" dir="auto" autofocus defaultValue=${conversation.title ?? ''} data-testid="rename-title" />${problem}
    <div class="dialog-actions"><button type="button" onClick=${close}>Cancel</button>
      <button class="primary" type="submit" disabled=${busy} data-testid="rename-save">Rename</button></div>
  </form>`;
}

function Keys({ close }) {
  return html`<h2 id="dialog-title" tabindex="-1" autofocus>Keyboard</h2>
    <dl class="keys">${KEYS.map(([what, keys]) => html`<div key=${what}><dt>${what}</dt><dd>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dd></div>`)}</dl>
    <div class="dialog-actions"><button type="button" class="primary" onClick=${close}>Done</button></div>`;
}
