// Administration → Limits: the tiers, as the installation's file of them has them.

import { Group } from '../settings/fields.js';
import { kindOf, modelsOf, whileOf } from '../settings/limits.js';
import { Coming, NotRead, useRead } from '../settings/loading.js';
import { oneLine } from '../text.js';
import { html } from '../ui/html.js';
import { language, t } from '../words.js';

const numbers = new Intl.NumberFormat(language);
const KINDS = [['requestsPerMinute', 'requests', 'limits.per.minute'], ['messagesPerHour', 'messages', 'limits.per.hour'], ['tokensPerMinute', 'tokens', 'limits.per.minute'], ['concurrentStreams', 'streams', 'limits.per.once']];
const WHOSE = [['user', 'admin.tier.user'], ['key', 'admin.tier.key'], ['organisation', 'admin.tier.organisation']];
const told = (value) => (value === null ? '–' : numbers.format(value));

export function Section() {
  const [found, error, again] = useRead('/api/v1/admin/tiers');
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} />`;
  return html`<p class="hint">${t('admin.tiers.hint')}</p>${found.data.map((tier) => html`<${Tier} key=${tier.id} tier=${tier} />`)}`;
}

function Tier({ tier }) {
  const name = oneLine(tier.id);
  return html`<${Group} title=${html`<bdi>${name}</bdi>`}>
    <dl class="about" data-testid="tier" data-id=${tier.id}>
      <div><dt>${t('limits.models')}</dt><dd>${modelsOf(tier)}</dd></div>
      <div><dt>${t('limits.weight')}</dt><dd>${numbers.format(tier.queueWeight)}</dd></div>
      <div><dt>${t('limits.context')}</dt><dd>${told(tier.maxContextTokens)}</dd></div>
      <div><dt>${t('limits.wait')}</dt><dd>${tier.longestWaitS === null ? '–' : whileOf(tier.longestWaitS)}</dd></div>
      <div><dt>${t('limits.queued')}</dt><dd>${told(tier.maxQueued)}</dd></div>
    </dl>
    <div class="usage-table" tabindex="0" role="region" aria-label=${`${t('limits.title')}: ${name}`}><table>
      <thead><tr><th scope="col">${t('limits.title')}</th>${WHOSE.map(([each, title]) => html`<th scope="col" key=${each} class="number">${t(title)}</th>`)}</tr></thead>
      <tbody>${KINDS.map(([key, kind, per]) => html`<tr key=${key}><th scope="row">${kindOf(kind)} ${t(per)}</th>${WHOSE.map(([whose]) => html`<td key=${whose}>${told(tier[whose][key])}</td>`)}</tr>`)}</tbody>
    </table></div>
  </${Group}>`;
}
