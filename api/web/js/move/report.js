// What of a file was not understood or not taken, in words.

import { html } from '../ui/html.js';
import { t } from '../words.js';

/** In the order in which they matter. */
const OF_FILE = ['damaged', 'cut', 'large', 'unknown', 'newer', 'passed'];
const OF_MESSAGES = ['attachments', 'kinds', 'orphans', 'circles', 'failed', 'times'];
const MAX_REFUSED = 20;
const MAX_FILES = 100;

/** `problems`: of the file; `found`: the conversations in it, of which those `chosen` count (null: all); `results`: what
 * became of those that were sent. */
export function Report({ problems, found, chosen = null, results = new Map() }) {
  const sums = {};
  const counted = found.filter(({ index }) => chosen?.has(index) ?? true);
  const files = counted.flatMap(({ title, names }) => names.map((name) => ({ name, title })));
  for (const each of counted) for (const [kind, count] of Object.entries(each.problems)) sums[kind] = (sums[kind] ?? 0) + count;
  const left = (kind) => found.filter((each) => each.left === kind).length + (kind === 'long' ? problems.long ?? 0 : 0);
  const lines = [
    ...OF_FILE.filter((kind) => problems[kind]).map((kind) => t(`move.problem.${kind}`, { count: problems[kind] })),
    ...['empty', 'long'].filter(left).map((kind) => t(`move.problem.${kind}`, { count: left(kind) })),
    ...OF_MESSAGES.filter((kind) => sums[kind]).map((kind) => t(`move.problem.${kind}`, { count: sums[kind] })),
  ];
  const refused = [...results].filter(([, { error }]) => error);
  if (lines.length === 0 && refused.length === 0) return null;
  return html`<section class="move-report" aria-label=${t('move.report')} data-testid="import-report"><h4>${t('move.report')}</h4>
    <ul>${lines.map((line) => html`<li key=${line}>${line}</li>`)}
      ${refused.slice(0, MAX_REFUSED).map(([index, { error }]) => html`<li key=${index}><bdi>${found[index].title || t('move.untitled')}</bdi>: ${error.message}</li>`)}
      ${files.length > 0 && html`<li><details><summary>${t('move.files')}</summary><ul>${files.slice(0, MAX_FILES).map(({ name, title }, n) => html`<li key=${n}><bdi>${name}</bdi> (<bdi>${title || t('move.untitled')}</bdi>)</li>`)}
        ${files.length > MAX_FILES && html`<li>${t('move.refused-more', { count: files.length - MAX_FILES })}</li>`}</ul></details></li>`}
      ${refused.length > MAX_REFUSED && html`<li>${t('move.refused-more', { count: refused.length - MAX_REFUSED })}</li>`}
    </ul></section>`;
}
