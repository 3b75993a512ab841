// Which events are shown: by a text anywhere in them, and by their type.

import { count } from '../format.js';
import { composing, html, Icon } from '../ui/html.js';
import { t } from '../words.js';
import { typesOf } from './rows.js';

export function Filter({ log, filter }) {
  const { type, text } = filter.value;
  const types = typesOf(log.events.value);
  const some = type && !types.some(([name]) => name === type) ? [[type, 0], ...types] : types;
  return html`<div class="log-filter">
    <div class="search"><${Icon} name="search" />
      <input type="search" placeholder=${t('log.filter')} aria-label=${t('log.filter-text')} maxlength="200" value=${text} data-testid="log-filter"
        onInput=${(event) => (filter.value = { type, text: event.target.value })}
        onKeyDown=${(event) => { if (event.key === 'Escape' && !composing(event) && text) { event.stopPropagation(); filter.value = { type, text: '' }; } }} /></div>
    <select aria-label=${t('log.filter-type')} data-testid="log-type" value=${type} onChange=${(event) => (filter.value = { type: event.target.value, text })}>
      <option value="">${t('log.all-types')} (${count(log.events.value.length)})</option>
      ${some.map(([name, number]) => html`<option key=${name} value=${name}>${name} (${count(number)})</option>`)}
    </select>
  </div>`;
}
