// What an answer says. Outside preact: a streamer, or one render, fills an element that preact leaves alone. What shows
// more than one text is loaded with the first answer that has more.

import { renderOnce } from '../markdown.js';
import { isMore, isVisible } from '../said.js';
import { BlockStreamer } from '../stream.js';
import { withWords } from '../words.js';
import { html, useLayoutEffect, useRef } from './html.js';

let loading;
const partsView = () => (loading ??= withWords(import('./parts_view.js')).then(async ({ PartsView, styled }) => {
  await styled;
  return PartsView;
}));

/** Without what is to be loaded, the text is shown alone. */
function withParts(then, otherwise) {
  partsView().then(then, (error) => {
    loading = undefined;
    console.warn('Only the text is shown:', error.message);
    otherwise();
  });
}

/** `onShown`: called in the frame in which something grew. */
export function AnswerBody({ message, onShown }) {
  const element = useRef(null);
  const shown = useRef(null);
  const { live, content, parts } = message;
  useLayoutEffect(() => {
    if (!live || live.state.peek() === 'done') return undefined;
    const view = new Growing(element.current, live, onShown);
    const listener = (part, delta) => view.grow(part, delta);
    live.listeners.add(listener);
    const stop = live.state.subscribe((state) => {
      if (state !== 'done') return;
      view.end();
      shown.current = live;
    });
    return () => {
      stop();
      live.listeners.delete(listener);
      view.close();
    };
  }, [live]);
  useLayoutEffect(() => {
    if (live && (live.state.peek() !== 'done' || (shown.current === live && live.text === content))) return;
    const wanted = isMore(parts) ? parts : content;
    if (shown.current === wanted) return;
    shown.current = wanted;
    const alone = () => prose(element.current).append(renderOnce(content));
    if (wanted === content) alone();
    else withParts((View) => shown.current === wanted && new View(element.current, message).whole(parts), alone);
  }, [content, parts, live]);
  return html`<div class="said" ref=${element} />`;
}

/** Parts that are whole, of something that is no answer. */
export function Parts({ parts }) {
  const element = useRef(null);
  useLayoutEffect(() => withParts((View) => new View(element.current).whole(parts), () => {}), [parts]);
  return html`<div class="said" ref=${element} />`;
}

function prose(element) {
  const made = document.createElement('div');
  made.className = 'prose';
  element.replaceChildren(made);
  return made;
}

/** An answer that is being written: its text alone, until there is something else in it. */
class Growing {
  constructor(element, live, onShown) {
    Object.assign(this, { element, live, onShown, view: null, more: false, over: false, closed: false });
    this.streamer = new BlockStreamer(prose(element), onShown);
    for (const part of live.parts) this.grow(part, part.text);
  }

  grow(part, delta) {
    if (this.view) return void this.view.grow(part, delta);
    if (isVisible(part.kind)) this.streamer.push(delta);
    if (this.more || part.kind === 'text') return;
    this.more = true;
    withParts((View) => this.closed || this.change(new View(this.element, this.live, this.onShown)), () => {});
  }

  change(view) {
    this.streamer.close();
    this.view = view;
    for (const part of this.live.parts) view.grow(part, part.text);
    if (this.over) view.end();
    this.onShown();
  }

  end() {
    this.over = true;
    (this.view ?? this.streamer).end();
  }

  close() {
    this.closed = true;
    (this.view ?? this.streamer).close();
  }
}
