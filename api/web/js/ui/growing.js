// How many of a conversation's messages are on the page: the newest at once, those above them right after.

import { useEffect, useRef, useState } from './html.js';

// About what a screen shows.
const FIRST = 8;
const STEP = 16;

/** Of `length` messages, how many of the newest are to be shown now. `whole`: all of them, as one may be looked for. */
export function useGrowing(conversationId, length, whole) {
  const shown = useRef({ conversationId: null, count: 0 });
  const [, again] = useState(0);
  if (shown.current.conversationId !== conversationId) shown.current = { conversationId, count: FIRST };
  const now = shown.current;
  if (whole || (length > 0 && now.count >= length)) now.count = Infinity;
  useEffect(() => {
    if (length === 0 || now.count === Infinity) return undefined;
    let timer = 0;
    // After the paint of what is there.
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => {
        now.count += STEP;
        again(now.count);
      });
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [conversationId, length, now.count]);
  return now.count;
}
