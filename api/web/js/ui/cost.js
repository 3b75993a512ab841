// What an answer cost: behind a button, as it is not what one came for.

import { money } from '../format.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { html, IconButton, useState } from './html.js';
import './icons.js';

const LEAST = 0.01;

/** An amount as one pays it: what is less than the smallest one is told as less. */
const about = (amount, currency) => (amount > 0 && amount < LEAST ? t('cost.less', { least: money(LEAST, currency, 2) }) : money(amount, currency, 2));

export function Cost({ message }) {
  const [open, setOpen] = useState(false);
  const { usage, cost, currency, model } = message;
  if (!usage) return null;
  const exact = t(usage.estimated ? 'cost.exact-estimated' : 'cost.exact', { prompt: usage.promptTokens, cached: usage.cachedTokens, completion: usage.completionTokens, cost: cost == null ? '–' : money(cost, currency) });
  return html`<${IconButton} icon="info" label=${t('cost.show')} aria-expanded=${open} data-testid="cost-show" onClick=${() => setOpen(!open)} />
    ${open && html`<span class="cost" title=${exact} data-testid="cost">${model && html`<bdi>${oneLine(model)}</bdi> · `}<bdi>${t('cost.tokens', { count: usage.promptTokens + usage.completionTokens })}</bdi>${cost != null && html` · <bdi>${about(cost, currency)}</bdi>`}</span>`}`;
}
