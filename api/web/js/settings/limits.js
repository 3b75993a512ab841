// Settings → Limits: what holds for the user, their key and their organisation, what is left of it, and when it is whole again.

import { oneLine } from '../text.js';
import { html } from '../ui/html.js';
import { language, t, tOr } from '../words.js';
import { aboutBudget } from './budget_words.js';
import { Group } from './fields.js';
import { Coming, NotRead, useRead } from './loading.js';

const numbers = new Intl.NumberFormat(language);
const SECONDS = new Intl.NumberFormat(language, { style: 'unit', unit: 'second', maximumFractionDigits: 0 });
const MINUTES = new Intl.NumberFormat(language, { style: 'unit', unit: 'minute', maximumFractionDigits: 0 });
const MINUTES_FROM_S = 120;

/** A while, in whole seconds or minutes, never less than it is. */
export const whileOf = (seconds) => (seconds < MINUTES_FROM_S ? SECONDS.format(Math.ceil(seconds)) : MINUTES.format(Math.ceil(seconds / 60)));

export function Section() {
  const [found, error, again] = useRead('/api/v1/limits');
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} />`;
  const { tier, shared } = found;
  const rows = [
    ...found.limits,
    ...found.streams.map(({ of, limit, left }) => ({ of, limit, left, kind: 'streams', period: 'once', resetS: 0 })),
  ];
  return html`<p class="hint">${t('limits.hint')}</p>
    ${!shared && html`<p class="settings-note" role="status">${t('limits.apart')}</p>`}
    <dl class="about" data-testid="limits-tier">
      <div><dt>${t('account.tier')}</dt><dd><bdi>${oneLine(tier.id)}</bdi></dd></div>
      <div><dt>${t('limits.models')}</dt><dd>${modelsOf(tier)}</dd></div>
      ${tier.maxContextTokens && html`<div><dt>${t('limits.context')}</dt><dd>${numbers.format(tier.maxContextTokens)}</dd></div>`}
    </dl>
    ${rows.length === 0 ? html`<p class="nothing" role="status" data-testid="limits-none">${t('limits.none')}</p>`
      : html`<ul class="entries" aria-label=${t('limits.title')} data-testid="limits-list">${rows.map((row) => html`<${Limit} key=${`${row.of} ${row.kind} ${row.period}`} ...${row} />`)}</ul>`}
    <${Budgets} />`;
}

/** What may be spent on what the user asks for. */
function Budgets() {
  const [found, error, again] = useRead('/api/v1/budgets');
  if (error) return html`<${NotRead} error=${error} again=${again} />`;
  if (!found || found.budgets.length === 0) return null;
  return html`<${Group} title=${t('admin.budgets')}><ul class="entries" aria-label=${t('admin.budgets')}>${found.budgets.map((budget, at) => html`<li key=${at} data-testid="own-budget"><span class="entry">${aboutBudget(budget)}</span></li>`)}</ul></${Group}>`;
}

export const modelsOf = ({ models }) => (models.includes('*') ? t('limits.models.all') : html`<bdi>${models.map(oneLine).join(', ')}</bdi>`);

export const kindOf = (kind) => tOr(`limits.kind.${kind}`, oneLine(kind));

function Limit({ of, kind, period, limit, left, resetS }) {
  const name = `${kindOf(kind)} ${t(`limits.per.${period}`)}`;
  const after = kind === 'streams' ? '' : ` · ${resetS > 0 ? t('limits.refill', { time: whileOf(resetS) }) : t('limits.whole')}`;
  return html`<li data-testid="limit" data-kind=${kind}><div class="entry"><span class="entry-name">${name}</span>
      <small>${tOr(`limits.of.${of}`, oneLine(of))} · ${t('limits.left', { left, limit })}${after}</small></div>
    <meter class="limit-left" min="0" max=${Math.max(limit, 1)} value=${left} aria-label=${name} /></li>`;
}
