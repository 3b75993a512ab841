// A part of the page that is loaded when it is first shown.

import { toast } from '../state.js';
import { t, withWords } from '../words.js';
import { html, useEffect, useState } from './html.js';

const loaded = new Map();

/** `load`: imports the module that holds `part`. `onFail`: what to do where that cannot be. `quiet`: shows nothing meanwhile. */
export function Lazy({ load, part, onFail, quiet = false, ...rest }) {
  const [, setThere] = useState(loaded.has(part));
  useEffect(() => {
    if (loaded.has(part)) return;
    withWords(load()).then((module) => {
      loaded.set(part, module[part]);
      setThere(true);
    }, () => {
      onFail?.();
      toast(t('part.failed'));
    });
  }, [part]);
  const Part = loaded.get(part);
  if (Part) return html`<${Part} ...${rest} />`;
  return quiet ? null : html`<div class="skeleton" role="status" aria-label=${t('part.loading')}><i /><i /></div>`;
}
