// Sizes and days as the page's language writes them.

import { language } from '../words.js';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];

export function bytes(count) {
  const step = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  return new Intl.NumberFormat(language, { style: 'unit', unit: UNITS[step], unitDisplay: 'short', maximumFractionDigits: step > 1 ? 1 : 0 }).format(count / 1000 ** step);
}

const days = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
export const day = (at) => (at === null ? '' : days.format(at));
