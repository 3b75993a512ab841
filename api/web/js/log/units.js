// Moments, durations and sizes in words. Pure.

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const DAY = new Intl.DateTimeFormat('en', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

export const clock = (ms) => CLOCK.format(ms);
export const day = (ms) => DAY.format(ms);

const SHORT = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** To the second of today, to the minute of another day. */
export const moment = (ms) => (day(ms) === day(Date.now()) ? clock(ms).slice(0, 8) : SHORT.format(ms));

/** A duration in milliseconds, with at most three digits of a unit. */
export function duration(exactMs) {
  const ms = Math.round(exactMs);
  const size = Math.abs(ms);
  if (size < 1000) return `${ms} ms`;
  const s = ms / 1000;
  if (size < 60_000) return `${size < 9995 ? s.toFixed(2) : s.toFixed(1)} s`;
  const units = [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]];
  const at = units.findIndex(([, length]) => Math.abs(s) >= length);
  const [[big, length], [small, part]] = [units[at], units[Math.min(at + 1, 3)]];
  return `${Math.floor(s / length)} ${big} ${Math.floor((s % length) / part)} ${small}`;
}

/** How long after something else; '' for null. Clocks of two servers may differ. */
export const after = (ms) => (ms === null ? '' : ms < 0 ? `−${duration(-ms)}` : `+${duration(ms)}`);

export function bytes(size) {
  if (size < 1000) return `${size} B`;
  return size < 1_000_000 ? `${(size / 1000).toFixed(1)} kB` : `${(size / 1_000_000).toFixed(1)} MB`;
}

/** `first_token` and `TokenChunk` as words. */
export function inWords(name) {
  const words = name.replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
