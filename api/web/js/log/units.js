// Moments, durations and sizes in words.

import { language, t, tOr } from '../words.js';

const TIME = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const format = (options) => {
  const made = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, options);
  return (ms) => made.format(ms);
};

/** To the millisecond. */
export const exactly = format({ ...TIME, second: '2-digit', fractionalSecondDigits: 3 });
export const clock = format({ ...TIME, second: '2-digit' });
export const minute = format(TIME);
export const day = format({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
const short = format({ ...TIME, day: 'numeric', month: 'short' });

/** To the second of today, to the minute of another day. */
export const moment = (ms) => (day(ms) === day(Date.now()) ? clock(ms) : short(ms));

const numbers = new Map();
const fixed = (value, digits) => {
  if (!numbers.has(digits)) numbers.set(digits, new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return numbers.get(digits).format(value);
};

/** A duration in milliseconds, with at most three digits of a unit. */
export function duration(exactMs) {
  const ms = Math.round(exactMs);
  const size = Math.abs(ms);
  if (size < 1000) return t('unit.ms', { number: fixed(ms, 0) });
  const s = ms / 1000;
  if (size < 60_000) return t('unit.s', { number: fixed(s, size < 9995 ? 2 : 1) });
  const units = [['unit.d', 86_400], ['unit.h', 3600], ['unit.min', 60], ['unit.s', 1]];
  const at = units.findIndex(([, length]) => Math.abs(s) >= length);
  const [[big, length], [small, part]] = [units[at], units[Math.min(at + 1, 3)]];
  return `${t(big, { number: fixed(Math.floor(s / length), 0) })} ${t(small, { number: fixed(Math.floor((s % length) / part), 0) })}`;
}

/** How long after something else; '' for null. Clocks of two servers may differ. */
export const after = (ms) => (ms === null ? '' : ms < 0 ? `−${duration(-ms)}` : `+${duration(ms)}`);

export function bytes(size) {
  if (size < 1000) return t('unit.B', { number: fixed(size, 0) });
  return size < 1_000_000 ? t('unit.kB', { number: fixed(size / 1000, 1) }) : t('unit.MB', { number: fixed(size / 1_000_000, 1) });
}

/** `first_token` and `TokenChunk` as words: those of the page's language, or the name itself. */
export const inWords = (name) => tOr(`log.${name}`, spelled(name));

function spelled(name) {
  const words = name.replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
