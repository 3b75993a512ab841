// Settings → Usage: what was used by day and model, as a plot and as tables, and what it comes to.

import { money } from '../format.js';
import { oneLine } from '../text.js';
import { html, useMemo, useState } from '../ui/html.js';
import { language, t } from '../words.js';
import { Segments } from './fields.js';
import { Coming, NotRead, useRead } from './loading.js';
import { UsagePlot } from './usage_plot.js';
import { byModel, currenciesOf, datesOf, pilesOf, sumOf } from './usage_sums.js';

const SPANS = [7, 30, 90];
const numbers = new Intl.NumberFormat(language);
const days = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
const dayOf = (date) => days.format(new Date(`${date}T12:00:00Z`));
const costs = (sum) => (sum.costs.length === 0 ? '–' : sum.costs.map(([currency, amount]) => money(amount, currency)).join(' + '));

export function Section() {
  const [span, setSpan] = useState('30');
  const [found, error, again] = useRead(`/api/v1/usage/daily?days=${span}`);
  const rows = found?.data ?? [];
  return html`<${Segments} id="usage-span" label=${t('usage.span')} value=${span} options=${SPANS.map((each) => [String(each), t('usage.days', { count: each })])} onChoose=${setSpan} />
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : rows.length === 0
      ? html`<p class="nothing" role="status" data-testid="usage-empty">${t('usage.empty', { count: Number(span) })}</p>`
      : html`<${Figures} key=${span} rows=${rows} span=${Number(span)} since=${found.since} />`}`;
}

/** `title` and `first`: what the rows' `model` is, as a heading and above its column. */
export function Figures({ rows, span, since, title = t('usage.by.model'), first = t('usage.model'), label = t('usage.plot', { count: span }) }) {
  const measures = ['tokens', ...currenciesOf(rows)];
  const [measure, setMeasure] = useState('tokens');
  const dates = useMemo(() => datesOf(span), [span]);
  const piled = useMemo(() => pilesOf(rows, dates, measure), [rows, dates, measure]);
  const sum = sumOf(rows);
  const format = (value) => (measure === 'tokens' ? numbers.format(Math.round(value)) : money(value, measure));
  return html`<dl class="totals" data-testid="usage-totals">
      <div><dt>${t('usage.answers')}</dt><dd>${numbers.format(sum.generations)}</dd></div>
      <div><dt>${t('usage.in')}</dt><dd>${numbers.format(sum.promptTokens)}</dd></div>
      <div><dt>${t('usage.out')}</dt><dd>${numbers.format(sum.completionTokens)}</dd></div>
      <div><dt>${t('usage.cost')}</dt><dd>${costs(sum)}</dd></div>
    </dl>
    ${measures.length > 1 && html`<${Segments} id="usage-measure" label=${t('usage.measure')} value=${measure} options=${measures.map((each) => [each, each === 'tokens' ? t('usage.tokens') : t('usage.cost.in', { currency: each })])} onChoose=${setMeasure} />`}
    <${UsagePlot} key=${measure} dates=${dates} piled=${piled} format=${format} label=${label} />
    <h3>${title}</h3>
    <${Table} testid="usage-models" label=${title} first=${first} rows=${byModel(rows).map((each) => [each.model, [oneLine(each.model)], each])} sum=${sum} />
    <details class="settings-group"><summary>${t('usage.by.day')}</summary>
      <${Table} testid="usage-days" label=${t('usage.by.day')} first=${t('usage.day')} second=${first} rows=${sorted(rows).map((each) => [`${each.date} ${each.model}`, [dayOf(each.date), oneLine(each.model)], sumOf([each])])} sum=${sum} /></details>
    <p class="hint">${t('usage.utc')}${since > dates[0] && ` ${t('usage.since', { date: dayOf(since) })}`}</p>`;
}

const sorted = (rows) => [...rows].sort((one, other) => (one.date === other.date ? (one.model < other.model ? -1 : 1) : one.date < other.date ? 1 : -1));

function Table({ testid, label, first, second, rows, sum }) {
  const cells = (each) => html`<td>${numbers.format(each.generations)}</td><td>${numbers.format(each.promptTokens)}</td><td>${numbers.format(each.completionTokens)}</td><td>${costs(each)}</td>`;
  return html`<div class="usage-table" tabindex="0" role="region" aria-label=${label}><table data-testid=${testid}>
    <thead><tr><th scope="col">${first}</th>${second && html`<th scope="col">${second}</th>`}${['answers', 'in', 'out', 'cost'].map((each) => html`<th scope="col" key=${each} class="number">${t(`usage.${each}`)}</th>`)}</tr></thead>
    <tbody>${rows.map(([key, [name, model], each]) => html`<tr key=${key}><th scope="row"><bdi>${name}</bdi></th>${second && html`<td class="name"><bdi>${model}</bdi></td>`}${cells(each)}</tr>`)}</tbody>
    <tfoot><tr><th scope="row">${t('usage.all')}</th>${second && html`<td />`}${cells(sum)}</tr></tfoot>
  </table></div>`;
}
