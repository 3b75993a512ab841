// Parts that are loaded when they are first shown, or once the page has nothing else to do.

import { complain } from '../state.js';
import { moreWords, t, withWords } from '../words.js';
import { html, useEffect, useState } from './html.js';

const PATIENCE_MS = 3000;
const waiting = [];

/** A module that is there when it is needed, or once the page has nothing else to do; `take(module)` gets it first. */
export function whenNeeded(load, take = (module) => module) {
  let loading;
  const fetched = () => {
    loading ??= withWords(load()).then(take);
    loading.catch(() => (loading = undefined));
    return loading;
  };
  waiting.push(fetched);
  return fetched;
}

const why = whenNeeded(() => import('../missing_part.js'));
/** Says that a part could not be loaded, and, where that is so, that there is a newer version. */
export const partMissing = () => why().then(({ sayWhatIsMissing }) => sayWhatIsMissing(), () => complain(t('page.part-missing')));

/** The component `name` of the module that `load` imports; until it is there, `instead`. */
export function later(load, name, instead = null) {
  let Part = null;
  const fetched = whenNeeded(load, (module) => (Part = module[name]));
  return function Later(props) {
    const [ready, setReady] = useState(Part !== null);
    // It may have come between the first look at it and here.
    useEffect(() => {
      if (!ready) fetched().then(() => setReady(true), partMissing);
    }, []);
    return ready ? html`<${Part} ...${props} />` : instead;
  };
}

/** Fetches all of them when the page is idle: they are there when the network is not. */
export function whenIdle() {
  const idle = globalThis.requestIdleCallback ?? ((then) => setTimeout(then, PATIENCE_MS));
  idle(async () => {
    await moreWords();
    for (const fetched of waiting) await fetched().catch(() => {});
  }, { timeout: PATIENCE_MS });
}
