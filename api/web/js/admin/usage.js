// Administration → Usage: what everybody used, by what one asks for, as a plot, as tables and as a file.

import { Choice, Field, Segments } from '../settings/fields.js';
import { Coming, NotRead } from '../settings/loading.js';
import { Figures } from '../settings/usage.js';
import { datesOf } from '../settings/usage_sums.js';
import { html, useMemo, useState } from '../ui/html.js';
import { t } from '../words.js';
import { More, useAll } from './reading.js';
import { nameOf } from './users.js';

const SPANS = [7, 30, 90];
const BY = [['model', 'usage.model'], ['user', 'admin.by.user'], ['organisation', 'account.organisation'], ['tier', 'account.tier']];

export function Section() {
  const [span, setSpan] = useState('30');
  const [by, setBy] = useState('model');
  const [user, setUser] = useState('');
  const [organisation, setOrganisation] = useState('');
  const [users] = useAll('/api/v1/admin/users');
  const [organisations] = useAll('/api/v1/admin/organisations');
  const from = datesOf(Number(span))[0];
  const query = new URLSearchParams({ from, by: `day,${by}`, ...(user && { user }), ...(organisation && { organisation }) });
  const [found, error, again] = useAll(`/api/v1/admin/usage?${query}`);
  const names = useMemo(() => new Map([...(users?.rows ?? []), ...(organisations?.rows ?? [])].map((each) => [each.id, nameOf(each)])), [users, organisations]);
  const rows = useMemo(() => (found?.rows ?? []).map((row) => asDaily(row, by, names)), [found, names]);
  const first = t(BY.find(([each]) => each === by)[1]);
  const choose = (id, label, value, all, list, onChoose) => html`<${Field} id=${id} label=${label}><${Choice} id=${id} value=${value} options=${[['', all], ...(list ?? []).map((each) => [each.id, nameOf(each)])]} onChoose=${onChoose} /></${Field}>`;
  return html`<${Segments} id="admin-span" label=${t('usage.span')} value=${span} options=${SPANS.map((each) => [String(each), t('usage.days', { count: each })])} onChoose=${setSpan} />
    <${Field} id="admin-by" label=${t('admin.by')}><${Choice} id="admin-by" value=${by} options=${BY.map(([each, title]) => [each, t(title)])} onChoose=${setBy} /></${Field}>
    ${choose('admin-user', t('admin.by.user'), user, t('admin.users.all'), users?.rows, setUser)}
    ${choose('admin-organisation', t('account.organisation'), organisation, t('admin.organisations.all'), organisations?.rows, setOrganisation)}
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : rows.length === 0
      ? html`<p class="nothing" role="status" data-testid="admin-usage-empty">${t('usage.empty', { count: Number(span) })}</p>`
      : html`<${More} found=${found} /><${Figures} key=${query} rows=${rows} span=${Number(span)} since=${from} title=${first} first=${first} label=${t('admin.usage.plot')} />
        <p><a href=${`/api/v1/admin/usage?${query}&format=csv`} download="usage.csv" data-testid="usage-csv">${t('admin.usage.csv')}</a></p>`}`;
}

/** A sum as the settings' usage has it: what it is told by stands as its `model`. */
const asDaily = (row, by, names) => ({
  date: row.start.slice(0, 10),
  model: names.get(row[by]) ?? row[by] ?? '–',
  promptTokens: row.promptTokens,
  completionTokens: row.completionTokens,
  generations: row.requests,
  cost: row.costMicros / 1e6,
  currency: row.currency,
});
