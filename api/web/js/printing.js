// Paper: the whole conversation, also what has not been loaded yet. Loaded when somebody prints.

import { typesetting } from './math.js';
import { printing } from './state.js';

const MAX_PAGES = 500;

/** Loads all of the conversation, then asks the browser to print it. What cannot be loaded has been said by then. */
export async function printConversation(thread) {
  printing.value = true;
  try {
    for (let pages = 0; thread?.nextBefore.value && pages < MAX_PAGES; pages += 1) {
      const before = thread.nextBefore.value;
      await thread.loadEarlier();
      if (thread.nextBefore.value === before) return;
    }
    await shown();
    await typesetting();
    await document.fonts.ready;
    await shown();
    print();
  } finally {
    printing.value = false;
  }
}

/** After two frames what has been made is laid out. */
const shown = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
