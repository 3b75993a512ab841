// What is said of a key: its name, what it is for, how much, until when, and when it was last used.

import { oneLine } from '../text.js';
import { language, t, tOr } from '../words.js';
import { aboutLimits } from './key_limits.js';

const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
const times = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });

export const SCOPES = ['chat', 'read', 'write', 'keys', 'usage', 'admin'];
export const scopeOf = (scope) => tOr(`keys.scope.${scope}`, oneLine(scope));
export const keyName = ({ label, hint }) => oneLine(label ?? '') || `…${hint}`;

export function aboutKey({ hint, createdAt, scopes, expiresAt, limits, lastUsedAt, revoked }) {
  const over = expiresAt && Date.parse(expiresAt) <= Date.now();
  return [
    t('keys.about', { hint, date: dates.format(new Date(createdAt)) }),
    scopes && t('keys.for', { scopes: scopes.map(scopeOf).join(', ') }),
    expiresAt && t(over ? 'keys.expired' : 'keys.until', { date: dates.format(new Date(expiresAt)) }),
    aboutLimits(limits),
    lastUsedAt && t('keys.used', { date: times.format(new Date(lastUsedAt)) }),
    revoked && t('keys.is-revoked'),
  ].filter(Boolean).join(' · ');
}
