// Choosing a format, and what becomes of the export. Of one conversation in a dialog, of all in the settings.

import { nameOf } from '../conversations.js';
import { styled } from '../log/stylesheet.js';
import { html, useEffect, useRef, useState } from '../ui/html.js';
import { t } from '../words.js';
import { bytes } from './amounts.js';
import { FORMATS, pathOf, save } from './exporting.js';

await styled('move.css');

/** `conversation`: the one; none: all. `onDone` is called when the file is saved, `onCancel` when it is not wanted. */
export function Export({ conversation, onDone, onCancel }) {
  const [format, setFormat] = useState('markdown');
  const [state, setState] = useState(null);
  const control = useRef(null);
  useEffect(() => () => control.current?.abort(), []);
  const run = async () => {
    const mine = (control.current = new AbortController());
    setState({ bytes: 0, files: 0, total: 0 });
    try {
      await save(pathOf(conversation?.id, format), { signal: mine.signal, onProgress: setState });
      setState({ saved: true });
      onDone?.();
    } catch (error) {
      setState(mine.signal.aborted ? null : { error });
    }
  };
  const running = state && !state.saved && !state.error;
  return html`<fieldset class="formats"><legend class="visually-hidden">${t('move.format')}</legend>
      ${FORMATS.map((each) => html`<label key=${each}><input type="radio" name="format" value=${each} checked=${each === format} disabled=${running} data-testid=${`format-${each}`} onChange=${() => setFormat(each)} />
        <span>${t(`move.format.${each}`)}<small>${t(`move.format.${each}.hint`)}</small></span></label>`)}
    </fieldset>
    ${state?.error && html`<p class="form-error" role="alert">${t('move.export.failed')} ${state.error.message ?? ''}</p>`}
    <div class="dialog-actions"><p class="move-status" role="status" data-testid="export-status">${running ? doing(state) : state?.saved ? t('move.export.saved') : ''}</p>
      ${running
      ? html`<button type="button" onClick=${() => control.current.abort()}>${t('move.stop')}</button>`
      : html`${onCancel && html`<button type="button" onClick=${onCancel}>${t('move.cancel')}</button>`}
        <button type="button" class="primary" data-testid="export-run" onClick=${run}>${conversation ? t('move.export.one') : t('move.export.all')}</button>`}</div>`;
}

const doing = ({ files, total, bytes: size }) => (total ? t('move.export.doing', { files, total, size: bytes(size) }) : t('move.export.begun', { size: bytes(size) }));

/** The dialog of one conversation. */
export function ExportDialog({ conversation, close }) {
  return html`<h2 id="dialog-title">${t('move.export.title')}</h2>
    <p><bdi>${nameOf(conversation)}</bdi></p>
    <${Export} conversation=${conversation} onDone=${close} onCancel=${close} />`;
}
