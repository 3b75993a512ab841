// Numbers, amounts and times as the page's language writes them.

import { language } from './words.js';

const whole = new Intl.NumberFormat(language);
export const count = (number) => whole.format(number);

let moments;
/** A day and a time. */
export const moment = (iso) => (moments ??= new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' })).format(new Date(iso));

// Making one takes longer than all it is used for.
const currencies = new Map();
function formatOf(currency, digits) {
  const known = currencies.get(`${currency} ${digits}`);
  if (known) return known;
  const made = new Intl.NumberFormat(language, { style: 'currency', currency, minimumFractionDigits: 2, maximumFractionDigits: Math.max(2, digits) });
  currencies.set(`${currency} ${digits}`, made);
  return made;
}

/** Small amounts keep their first two digits that are not zero, unless it is said how many there are to be. */
export function money(amount, currency, most) {
  const digits = most ?? (amount > 0 && amount < 0.1 ? Math.min(8, 1 - Math.floor(Math.log10(amount))) : 2);
  return formatOf(currency || 'USD', digits).format(amount);
}

const compact = new Intl.NumberFormat(language, { notation: 'compact', maximumSignificantDigits: 3 });
/** A number as people say it: 200,000 is 200k. */
export const short = (number) => compact.formatToParts(number).map(({ type, value }) => (type === 'compact' && value === 'K' ? 'k' : value)).join('');
