// Numbers and times in words.

const whole = new Intl.NumberFormat('en');
export const count = (number) => whole.format(number);

// Making one takes longer than all it is used for.
const currencies = new Map();
function formatOf(currency, digits) {
  const known = currencies.get(`${currency} ${digits}`);
  if (known) return known;
  const made = new Intl.NumberFormat('en', { style: 'currency', currency, minimumFractionDigits: 2, maximumFractionDigits: Math.max(2, digits) });
  currencies.set(`${currency} ${digits}`, made);
  return made;
}

/** Small amounts keep their first two digits that are not zero. */
export function money(amount, currency = 'USD') {
  const digits = amount > 0 && amount < 0.1 ? Math.min(8, 1 - Math.floor(Math.log10(amount))) : 2;
  return formatOf(currency || 'USD', digits).format(amount);
}

export const tokens = (number) => (number >= 1000 ? `${Math.round(number / 102.4) / 10}k`.replace('.0k', 'k') : String(number));
