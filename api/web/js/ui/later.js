// Parts that are loaded when they are first shown, or once the page has nothing else to do.

import { complain } from '../state.js';
import { moreWords, t, withWords } from '../words.js';
import { html, useEffect, useState } from './html.js';

const PATIENCE_MS = 3000;
const waiting = [];

/** The component `name` of the module that `load` imports; until it is there, `instead`. */
export function later(load, name, instead = null) {
  let Part = null;
  let loading;
  const fetched = () => {
    loading ??= withWords(load()).then((module) => (Part = module[name]));
    loading.catch(() => (loading = undefined));
    return loading;
  };
  waiting.push(fetched);
  return function Later(props) {
    const [ready, setReady] = useState(Part !== null);
    // It may have come between the first look at it and here.
    useEffect(() => {
      if (!ready) fetched().then(() => setReady(true), () => complain(t('page.part-missing')));
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
