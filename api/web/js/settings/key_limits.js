// The limits of a key alone: what is said of them, and the fields to set them.

import { oneLine } from '../text.js';
import { html } from '../ui/html.js';
import { language, t } from '../words.js';
import { Field } from './fields.js';
import { kindOf } from './limits.js';

const MOST = 1_000_000_000;
const numbers = new Intl.NumberFormat(language);
const NUMBERS = [['requestsPerMinute', 'requests', 'limits.per.minute'], ['tokensPerMinute', 'tokens', 'limits.per.minute'], ['messagesPerHour', 'messages', 'limits.per.hour'], ['concurrentStreams', 'streams', 'limits.per.once']];
const nameOf = (kind, per) => `${kindOf(kind)} ${t(per)}`;

/** In a few words; '' where nothing is limited. */
export function aboutLimits(limits) {
  if (!limits) return '';
  const told = NUMBERS.filter(([key]) => limits[key]).map(([key, kind, per]) => `${nameOf(kind, per)}: ${numbers.format(limits[key])}`);
  if (limits.models) told.push(`${t('limits.models')}: ${limits.models.map(oneLine).join(', ')}`);
  return told.join(' · ');
}

/** What is in the fields, as texts, by the names of the limits. */
export const textsOf = (limits) => Object.fromEntries([...NUMBERS.map(([key]) => [key, String(limits?.[key] ?? '')]), ['models', (limits?.models ?? []).join(', ')]]);

/** What the fields say, as the API takes it; null: nothing is limited. */
export function limitsOf(texts) {
  const found = Object.fromEntries(NUMBERS.filter(([key]) => texts[key].trim()).map(([key]) => [key, Number(texts[key])]));
  const models = texts.models.split(/[,،，、]/).map((each) => each.trim()).filter(Boolean);
  if (models.length > 0) found.models = models;
  return Object.keys(found).length > 0 ? found : null;
}

/** `texts`: what is in them; `change(key, text)`. `id` begins the ids of the fields. */
export function LimitFields({ id, texts, change }) {
  return html`<fieldset class="limits-fields"><legend>${t('keys.limits')}</legend><p class="hint">${t('keys.limits.hint')}</p>
    ${NUMBERS.map(([key, kind, per]) => html`<${Field} key=${key} id=${`${id}-${key}`} label=${nameOf(kind, per)}>
      <input id=${`${id}-${key}`} type="number" min="1" max=${MOST} step="1" inputmode="numeric" value=${texts[key]} data-testid=${`limit-${key}`} onInput=${({ target }) => change(key, target.value)} /></${Field}>`)}
    <${Field} id=${`${id}-models`} label=${t('limits.models')} hint=${t('keys.limits.models')}>
      <input id=${`${id}-models`} maxlength="4000" dir="ltr" autocomplete="off" autocapitalize="off" spellcheck=${false} aria-describedby=${`${id}-models-hint`} value=${texts.models} data-testid="limit-models" onInput=${({ target }) => change('models', target.value)} /></${Field}></fieldset>`;
}
