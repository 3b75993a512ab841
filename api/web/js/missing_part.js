// What is said where a part of the page cannot be loaded: the server may have another version by now.

import { complain } from './state.js';
import { t } from './words.js';

const versionIn = (text) => /\/static\/(\w+)\//.exec(text)?.[1];

/** Says that a part could not be loaded, or that a newer version of the page is there. Never raises. */
export async function sayWhatIsMissing() {
  const now = await fetch('/', { cache: 'no-store' }).then((answer) => answer.ok && answer.text(), () => null);
  const version = now && versionIn(now);
  if (version && version !== versionIn(import.meta.url)) complain(t('page.new-version'), { label: t('page.reload'), run: () => location.reload() });
  else complain(t('page.part-missing'));
}
