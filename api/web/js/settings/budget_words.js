// What is said of a budget: its period, and how it stands.

import { money } from '../format.js';
import { oneLine } from '../text.js';
import { language, t } from '../words.js';

export const TOKENS = 'tokens';
/** Of a currency's unit. */
export const MICROS = 1e6;
const numbers = new Intl.NumberFormat(language);
const amount = (value, unit) => (unit === TOKENS ? numbers.format(value) : money(value / MICROS, unit));

export const periods = () => [['day', t('admin.budget.day')], ['month', t('admin.budget.month')], ['total', t('admin.budget.total')]];
const periodOf = (period) => periods().find(([each]) => each === period)?.[1] ?? oneLine(period);

export const aboutBudget = ({ period, hard, unit, spent, leased, limit, left }) => [
  periodOf(period),
  t(hard ? 'admin.budget.is-hard' : 'admin.budget.is-soft'),
  t('admin.budget.stands', { spent: amount(spent + leased, unit), limit: unit === TOKENS ? t('cost.tokens', { count: limit }) : amount(limit, unit), left: amount(left, unit) }),
].join(' · ');
