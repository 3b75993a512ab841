// Following a text that grows, only while the reader is at its end; the first upward move lets go.

import { useEffect, useRef, useState } from './html.js';

const NEAR = 40;

/** `follow()` is called whenever something grew; `away`: whether the end is out of sight. */
export function useFollowing(scroller, content) {
  const state = useRef({ following: true });
  const [away, setAway] = useState(false);
  const follow = () => {
    const element = scroller.current;
    if (element && state.current.following) element.scrollTop = element.scrollHeight;
  };
  const toEnd = () => {
    state.current.following = true;
    setAway(false);
    follow();
  };
  useEffect(() => {
    const element = scroller.current;
    let touchY = 0;
    const atEnd = () => element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    const letGo = () => {
      if (element.scrollHeight > element.clientHeight) state.current.following = false;
    };
    let last = { top: 0, height: 0 };
    const onScroll = () => {
      const end = atEnd();
      const now = { top: element.scrollTop, height: element.scrollHeight };
      if (end) state.current.following = true;
      else if (now.top < last.top && now.height === last.height) letGo(); // by a key, a search, a screen reader
      last = now;
      setAway(!end && !state.current.following);
    };
    const listeners = {
      scroll: onScroll,
      wheel: (event) => event.deltaY < 0 && letGo(),
      touchstart: (event) => (touchY = event.touches[0].clientY),
      touchmove: (event) => event.touches[0].clientY > touchY && letGo(),
      keydown: (event) => ['PageUp', 'Home', 'ArrowUp'].includes(event.key) && !event.target.matches('textarea, input') && letGo(),
      pointerdown: (event) => event.target === element && letGo(), // the scroll bar
    };
    for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener, { passive: true });
    // What grew, or a window that was turned: the end may have come into sight, or left it.
    const watch = new ResizeObserver(() => {
      follow();
      const end = atEnd();
      if (end) state.current.following = true;
      setAway(!end && !state.current.following);
    });
    watch.observe(content.current);
    watch.observe(element);
    return () => {
      watch.disconnect();
      for (const [name, listener] of Object.entries(listeners)) element.removeEventListener(name, listener);
    };
  }, []);
  const hold = () => (state.current.following = false);
  return { follow, toEnd, away, hold };
}
