// The text of an answer. Outside preact: the streamer, or one render, fills an element that preact leaves alone.

import { renderOnce } from '../markdown.js';
import { BlockStreamer } from '../stream.js';
import { html, useLayoutEffect, useRef } from './html.js';

/** `onShown`: called in the frame in which the text grew. */
export function AnswerBody({ message, onShown }) {
  const element = useRef(null);
  const shown = useRef(null);
  const { live, content } = message;
  useLayoutEffect(() => {
    if (!live || live.state.peek() === 'done') return undefined;
    const streamer = new BlockStreamer(element.current, onShown);
    const listener = (delta) => streamer.push(delta);
    element.current.replaceChildren();
    streamer.push(live.text);
    live.listeners.add(listener);
    const stop = live.state.subscribe((state) => {
      if (state !== 'done') return;
      streamer.end();
      shown.current = live.text;
    });
    return () => {
      stop();
      live.listeners.delete(listener);
      streamer.close();
    };
  }, [live]);
  useLayoutEffect(() => {
    if ((live && live.state.peek() !== 'done') || shown.current === content) return;
    shown.current = content;
    element.current.replaceChildren(renderOnce(content));
  }, [content, live]);
  return html`<div class="prose" ref=${element} />`;
}
