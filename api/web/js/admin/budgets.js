// Administration → Budgets: what accounts may spend, what of it is spent and left.

import { newKey, put, request } from '../api.js';
import { aboutBudget, MICROS, periods, TOKENS } from '../settings/budget_words.js';
import { Confirm } from '../settings/confirming.js';
import { Choice, Field, Switch } from '../settings/fields.js';
import { Coming, NotRead, useRead } from '../settings/loading.js';
import { oneLine } from '../text.js';
import { html, useState } from '../ui/html.js';
import { t } from '../words.js';
import { useAll, useDoing } from './reading.js';
import { nameOf } from './users.js';

const PATH = '/api/v1/admin/budgets';
const idOf = ({ account, scope, subject, period, hard }) => [account, scope, subject, period, hard].join(' ');

export function Section() {
  const [found, error, again] = useRead(PATH);
  const [users] = useAll('/api/v1/admin/users');
  const [organisations] = useAll('/api/v1/admin/organisations');
  const [removing, setRemoving] = useState(null);
  const accounts = [...(organisations?.rows ?? []), ...(users?.rows ?? [])].map((each) => [each.id, nameOf(each)]);
  const names = new Map(accounts);
  const title = ({ account, subject }) => (subject ? `${names.get(account) ?? account} · ${names.get(subject) ?? subject}` : (names.get(account) ?? account));
  const remove = async () => {
    const { account, scope, subject, period, hard } = removing;
    await request('DELETE', PATH, { account, scope, subject, period, hard }, { key: newKey() });
    again();
  };
  return html`<${Set} accounts=${accounts} onSet=${again} />
    ${error ? html`<${NotRead} error=${error} again=${again} />` : !found ? html`<${Coming} />` : found.budgets.length === 0
      ? html`<p class="nothing" role="status" data-testid="budgets-none">${t('admin.budgets.none')}</p>`
      : html`<ul class="entries" aria-label=${t('admin.budgets')}>${found.budgets.map((budget) => html`<${Budget} key=${idOf(budget)} of=${budget} name=${oneLine(title(budget))} onRemove=${() => setRemoving(budget)} />`)}</ul>`}
    ${removing && html`<${Confirm} title=${t('admin.member.remove.title', { name: oneLine(title(removing)) })} text=${t('admin.budget.remove.text')} action=${t('admin.member.remove')} act=${remove} close=${() => setRemoving(null)} />`}`;
}

function Set({ accounts, onSet }) {
  const [account, setAccount] = useState('');
  const [period, setPeriod] = useState('month');
  const [unit, setUnit] = useState(TOKENS);
  const [limit, setLimit] = useState('');
  const [hard, setHard] = useState(true);
  const [busy, run, problem] = useDoing();
  const set = (event) => {
    event.preventDefault();
    const whole = Math.round(Number(limit) * (unit === TOKENS ? 1 : MICROS));
    run(async () => {
      await put(PATH, { account, period, hard, unit, limit: whole }, { key: newKey() });
      setLimit('');
      onSet();
    });
  };
  return html`<form onSubmit=${set}><p class="hint">${t('admin.budgets.hint')}</p>
    <${Field} id="budget-account" label=${t('admin.budget.account')}><${Choice} id="budget-account" value=${account} options=${[['', t('admin.choose')], ...accounts]} onChoose=${setAccount} /></${Field}>
    <${Field} id="budget-period" label=${t('admin.budget.period')}><${Choice} id="budget-period" value=${period} options=${periods()} onChoose=${setPeriod} /></${Field}>
    <${Field} id="budget-limit" label=${t('admin.budget.limit')} hint=${t('admin.budget.unit.hint')}><input id="budget-limit" type="number" min="0" step="any" required aria-describedby="budget-limit-hint" value=${limit} data-testid="budget-limit" onInput=${(event) => setLimit(event.target.value)} />
      <input maxlength="6" pattern="tokens|[A-Z]{3}" required aria-label=${t('admin.budget.unit')} value=${unit} data-testid="budget-unit" onInput=${(event) => setUnit(event.target.value.trim())} /></${Field}>
    <${Field} id="budget-hard" label=${t('admin.budget.hard')} hint=${t('admin.budget.hard.hint')}><${Switch} id="budget-hard" hint on=${hard} onChange=${setHard} /></${Field}>
    ${problem}<div class="field-actions"><button type="submit" class="primary" disabled=${busy || !account || limit === ''} data-testid="budget-set">${t('admin.budget.set')}</button></div></form>`;
}

function Budget({ of, name, onRemove }) {
  return html`<li data-testid="budget" data-account=${of.account}><div class="entry"><bdi class="entry-name">${name}</bdi>
      <small>${aboutBudget(of)}</small></div>
    <meter class="limit-left" min="0" max=${Math.max(of.limit, 1)} value=${Math.max(of.left, 0)} aria-label=${`${t('admin.budget.left')}: ${name}`} />
    <button type="button" class="quiet danger" aria-label=${t('admin.member.remove.title', { name })} data-testid="budget-remove" onClick=${onRemove}>${t('admin.member.remove')}</button></li>`;
}
