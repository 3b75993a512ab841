// A file is chosen, read, shown, and what is chosen of it is imported; at the end, what was taken and what was not.

import { html, useState } from '../ui/html.js';
import { t } from '../words.js';
import { day } from './amounts.js';
import { choose, forget, importing, send, startReading, stop } from './importing.js';
import { Report } from './report.js';

const PRODUCTS = { chatgpt: 'ChatGPT', open_webui: 'Open WebUI', librechat: 'LibreChat', verbatim: 'Verbatim' };
const SHOWN = 100;

export function Import() {
  const state = importing.value;
  if (!state) return html`<${Choice} />`;
  if (state.step === 'reading') {
    return html`<p role="status">${t('move.reading', { name: state.name })} ${state.count > 0 ? t('move.found', { count: state.count }) : ''}</p>
      <progress class="move-bar" max="1" value=${state.part} aria-label=${t('move.reading', { name: state.name })} />
      <div class="dialog-actions"><button type="button" onClick=${forget}>${t('move.stop')}</button></div>`;
  }
  if (state.step === 'failed') return html`<p class="form-error" role="alert">${t('move.unreadable', { name: state.name })}</p><${Choice} />`;
  if (state.step === 'choosing' && state.found.length === 0) return html`<p class="form-error" role="alert" data-testid="import-nothing">${t('move.nothing', { name: state.name })}</p><${Report} problems=${state.problems} found=${[]} /><${Choice} />`;
  return html`<${Found} state=${state} />`;
}

function Choice() {
  const [over, setOver] = useState(false);
  const take = (file) => file && startReading(file);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return html`<p class="hint">${t('move.import.hint')}</p>
    <label class=${`drop ${over ? 'drop-over' : ''}`} onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <input type="file" accept=".json,.zip,application/json,application/zip" class="visually-hidden" data-testid="import-file" onChange=${(event) => take(event.target.files[0])} />
      <b>${t('move.choose')}</b><small>${t('move.choose.hint')}</small>
    </label>
    <details class="move-how"><summary>${t('move.how')}</summary><ul>
      ${['chatgpt', 'open_webui', 'librechat', 'verbatim'].map((each) => html`<li key=${each}><b>${PRODUCTS[each]}</b>: ${t(`move.how.${each}`)}</li>`)}
    </ul></details>`;
}

function Found({ state }) {
  const { step, found, chosen, results, problems, error } = state;
  const usable = found.filter(({ left }) => !left);
  const toSend = usable.filter(({ index }) => chosen.has(index) && !results.get(index)?.done);
  const sent = [...results.values()].filter(({ done }) => done).length;
  const products = [...new Set(found.map(({ product }) => PRODUCTS[product]))].join(', ');
  const choosing = step === 'choosing';
  return html`<p role="status" data-testid="import-status">${statusOf(state, sent, toSend.length, usable.length, products)}</p>
    ${step === 'sending' && html`<progress class="move-bar" max=${sent + toSend.length} value=${sent} aria-label=${t('move.sending', { done: sent, total: sent + toSend.length })} />`}
    ${error && html`<p class="form-error" role="alert">${t('move.stopped')} ${error.message}</p>`}
    ${choosing && usable.length > 0 && html`<${List} found=${found} chosen=${chosen} usable=${usable} />`}
    <${Report} problems=${problems} found=${found} chosen=${choosing ? null : chosen} results=${results} />
    <div class="dialog-actions">
      ${step === 'sending'
        ? html`<button type="button" data-testid="import-stop" onClick=${stop}>${t('move.stop')}</button>`
        : html`<button type="button" data-testid="import-forget" onClick=${forget}>${step === 'done' ? t('move.another') : t('move.cancel')}</button>`}
      ${(choosing || step === 'stopped') && html`<button type="button" class="primary" data-testid="import-run" disabled=${toSend.length === 0} onClick=${send}>${choosing ? t('move.import.run', { count: toSend.length }) : t('move.go-on')}</button>`}
    </div>`;
}

function statusOf({ step, results }, sent, left, usable, products) {
  if (step === 'choosing') return t('move.found-in', { count: usable, products });
  if (step === 'sending') return t('move.sending', { done: sent, total: sent + left });
  const good = [...results.values()].filter(({ error }) => !error);
  const fresh = good.filter(({ isNew }) => isNew).length;
  const grown = good.filter(({ isNew, added }) => !isNew && added > 0).length;
  const said = [t('move.taken', { count: fresh })];
  if (grown) said.push(t('move.grown', { count: grown }));
  if (good.length > fresh + grown) said.push(t('move.known', { count: good.length - fresh - grown }));
  if (left) said.push(t('move.left', { count: left }));
  return said.join(' ');
}

function List({ found, chosen, usable }) {
  const [shown, setShown] = useState(SHOWN);
  const all = usable.every(({ index }) => chosen.has(index));
  const indices = usable.map(({ index }) => index);
  return html`<label class="move-all"><input type="checkbox" checked=${all} data-testid="import-all" onChange=${() => choose(indices, !all)} />${t('move.all')}</label>
    <ul class="move-list" aria-label=${t('move.list')}>${found.slice(0, shown).map((each) => html`<li key=${each.index}>
      <label><input type="checkbox" disabled=${Boolean(each.left)} checked=${chosen.has(each.index)} data-testid="import-item" onChange=${(event) => choose([each.index], event.target.checked)} />
        <span class="move-name"><bdi>${each.title || t('move.untitled')}</bdi><small>${[day(each.at), t('move.messages', { count: each.count })].filter(Boolean).join(' · ')}</small></span></label>
    </li>`)}</ul>
    ${found.length > shown && html`<button type="button" class="quiet wide" onClick=${() => setShown(shown + 10 * SHOWN)}>${t('move.more')}</button>`}`;
}
