// A decoded record as text: indented, and what is only numbers on one line.

import { visible } from '../text.js';
import { copyText, html, useState } from '../ui/html.js';
import { t } from '../words.js';

const LONG_LINES = 120;
const LONG_CHARACTERS = 12_000;

/** JSON by lines: [[indent, name, value], …]; `name` is '' where there is none. Pure. */
export function linesOf(value, name = '', indent = 0, tail = '') {
  if (value === null || typeof value !== 'object') return [[indent, name, JSON.stringify(value) + tail]];
  const list = Array.isArray(value);
  const [open, close] = list ? '[]' : '{}';
  const entries = list ? value.map((each) => ['', each]) : Object.entries(value);
  if (entries.length === 0 || (list && isPlain(value))) return [[indent, name, JSON.stringify(value) + tail]];
  const inner = entries.flatMap(([key, each], at) => linesOf(each, key, indent + 1, at < entries.length - 1 ? ',' : ''));
  return [[indent, name, open], ...inner, [indent, '', close + tail]];
}

const isPlain = (list) => list.every((each) => typeof each === 'number' || (Array.isArray(each) && each.every((part) => typeof part === 'number')));

export function Payload({ payload, label }) {
  const [all, setAll] = useState(false);
  const [copied, setCopied] = useState('copy');
  if (payload === null || payload === undefined) return html`<p class="log-none">${t('log.not-decoded')}</p>`;
  const lines = linesOf(payload);
  const size = lines.reduce((sum, [, name, value]) => sum + name.length + value.length, 0);
  const long = lines.length > LONG_LINES || size > LONG_CHARACTERS;
  const shown = all ? lines : beginning(lines);
  const copy = async () => {
    setCopied((await copyText(JSON.stringify(payload, null, 2))) ? 'copied' : 'not-copied');
    setTimeout(() => setCopied('copy'), 1500);
  };
  return html`<div class="log-payload">
    <pre tabindex="0" dir="ltr" role="region" aria-label=${label} data-testid="log-payload">${shown.map(([indent, name, value]) => html`${'  '.repeat(indent)}${name && html`<span class="log-name">${visible(name)}</span>: `}${visible(value)}${'\n'}`)}</pre>
    <div class="log-payload-foot">
      ${long && html`<button type="button" class="link" onClick=${() => setAll(!all)}>${all ? t('log.less') : t('log.all-characters', { count: size })}</button>`}
      <button type="button" class="quiet" onClick=${copy}>${t(`log.${copied}`)}</button>
    </div></div>`;
}

function beginning(lines) {
  const shown = [];
  let left = LONG_CHARACTERS;
  for (const [indent, name, value] of lines.slice(0, LONG_LINES)) {
    if (left <= 0) break;
    shown.push([indent, name, value.length > left ? `${value.slice(0, left)}…` : value]);
    left -= value.length + name.length;
  }
  return shown;
}
