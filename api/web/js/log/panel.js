// The log: what happened in one conversation, as it happens; any moment of it again, and any answer.

import { signal } from '../../vendor/signals.mjs';
import { logOpen } from '../state.js';
import { visible } from '../text.js';
import { html, Icon, IconButton, useEffect, useState } from '../ui/html.js';
import { t } from '../words.js';
import { EventList } from './event_list.js';
import { EventLog } from './events.js';
import { Filter } from './filter.js';
import { promptsOf, rowsOf } from './rows.js';
import { TimeSlider } from './slider.js';
import { styled } from './stylesheet.js';
import { Travel } from './travel.js';
import { Turn } from './turn.js';

await styled('log.css');

export function LogPanel({ conversationId }) {
  const [view] = useState(() => viewOf(conversationId));
  const { log, travel, chosen, replaying } = view;
  useEffect(() => {
    log.load();
    return () => {
      replaying.value?.close();
      travel.close();
      log.close();
    };
  }, []);
  const state = log.state.value;
  const events = log.events.value;
  const generationId = chosen.value ?? events.findLast((each) => each.generationId)?.generationId ?? null;
  return html`<div class=${`log ${travel.at.value ? 'peek looking-back' : replaying.value ? 'peek replaying' : ''}`} data-testid="log-panel">
    <header class="log-head">
      <h2>${t('log.name')}</h2>
      ${state === 'ready' && html`<${Link} log=${log} />`}
      <${IconButton} icon="close" label=${t('log.close')} data-testid="log-close" onClick=${() => (logOpen.value = false)} />
    </header>
    ${state === 'loading' && html`<div class="skeleton" role="status" aria-label=${t('log.loading')}><i /><i /><i /></div>`}
    ${state === 'failed' && html`<div class="error-card" role="alert"><${Icon} name="warn" /><div><strong>${t('log.failed')}</strong><p>${log.error.value.message}</p></div>
      <button type="button" data-testid="log-retry" onClick=${() => log.load()}>${t('try-again')}</button></div>`}
    ${state === 'ready' && html`
      <${TimeSlider} log=${log} travel=${travel} />
      ${generationId && html`<${Turn} log=${log} generationId=${generationId} prompt=${visible(promptsOf(events, log.asked.value).get(generationId) ?? '')} view=${view} replaying=${replaying} />`}
      <${Filter} log=${log} filter=${view.filter} />
      <${EventList} log=${log} view=${view} chosen=${generationId} />`}
  </div>`;
}

/** Whether new events come. */
function Link({ log }) {
  const link = log.link.value;
  const error = log.linkError.value;
  return html`<span class=${`log-link log-link-${link}`} role="status" data-testid="log-link"><i />${link === 'failed' && error ? error.message : t(`log.link-${link}`)}</span>
    ${link === 'failed' && html`<button type="button" class="link" onClick=${() => log.load()}>${t('try-again')}</button>`}`;
}

function viewOf(conversationId) {
  const log = new EventLog(conversationId);
  const view = {
    log,
    travel: new Travel(conversationId, log),
    /** The generation whose turn is on top; null: the newest. */
    chosen: signal(null),
    replaying: signal(null),
    filter: signal({ type: '', text: '' }),
    open: signal(new Set()),
    /** {key} of the row that is to be scrolled to. */
    wanted: signal(null),
    toggle(key) {
      const open = new Set(view.open.value);
      if (!open.delete(key)) open.add(key);
      view.open.value = open;
    },
    choose(generationId) {
      if (view.chosen.value !== generationId) view.replaying.value?.close();
      view.chosen.value = generationId;
    },
    /** Shows an event in the list, opened. */
    find(key) {
      view.filter.value = { type: '', text: '' };
      const row = rowsOf(log.events.value, view.filter.value).find((each) => each.key === key || each.chunks?.some((chunk) => chunk.key === key));
      if (!row) return;
      view.open.value = new Set([...view.open.value, row.key]);
      view.wanted.value = { key: row.key };
    },
  };
  return view;
}
