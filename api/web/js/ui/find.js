// Finds words in the conversation that is shown, from its end on; earlier messages are loaded while nothing is found.

import { currentThread } from '../threads.js';
import { t } from '../words.js';
import { settleFocus } from './focus.js';
import { composing, html, IconButton, useLayoutEffect, useRef, useState } from './html.js';
import { finding } from './places.js';

const PATIENCE_MS = 120;
const MAX_SHOWN = 2000;
const folded = (text) => text.toLocaleLowerCase().normalize('NFD').replace(/\p{M}/gu, '');

/** Where the words stand in what is shown, the last one first. */
function rangesOf(words) {
  const wanted = folded(words.trim());
  if (!wanted) return [];
  const found = [];
  for (const message of [...document.querySelectorAll('.messages .message :is(.bubble, .prose)')].reverse()) {
    const texts = [];
    const walker = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
    let all = '';
    const places = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      texts.push(node);
      for (let at = 0; at < node.data.length; at += 1) {
        const one = folded(node.data[at]);
        all += one;
        for (let unit = 0; unit < one.length; unit += 1) places.push([node, at]);
      }
    }
    const here = [];
    for (let at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(...places[at]);
      const [node, last] = places[at + wanted.length - 1];
      range.setEnd(node, last + 1);
      here.push(range);
    }
    found.push(...here.reverse());
    if (found.length > MAX_SHOWN) break;
  }
  return found;
}

function mark(ranges, at) {
  if (!globalThis.Highlight) return;
  CSS.highlights.set('found', new Highlight(...ranges));
  CSS.highlights.set('found-here', new Highlight(...ranges.slice(at, at + 1)));
}

const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

export function FindBar() {
  const field = useRef(null);
  const timer = useRef(0);
  const state = useRef({ words: '', ranges: [], at: 0 });
  const [shown, setShown] = useState({ count: 0, at: 0, loading: false, words: '' });
  const show = (ranges, at, loading = false) => {
    state.current = { ...state.current, ranges, at };
    mark(ranges, at);
    ranges[at]?.startContainer.parentElement.scrollIntoView({ block: 'center' });
    setShown({ count: ranges.length, at, loading, words: state.current.words });
  };
  /** From `at` on; what is not loaded yet is loaded until something is found there. */
  const look = async (at) => {
    const { words } = state.current;
    const thread = currentThread();
    let ranges = rangesOf(words);
    while (words.trim() && ranges.length <= at && thread?.nextBefore.value) {
      const before = thread.nextBefore.value;
      setShown({ count: ranges.length, at, loading: true, words });
      await thread.loadEarlier();
      await drawn();
      if (state.current.words !== words || thread.nextBefore.value === before) return;
      ranges = rangesOf(words);
    }
    show(ranges, ranges.length > 0 ? at % ranges.length : 0);
  };
  const step = (by) => look(by < 0 && state.current.at === 0 ? Math.max(0, state.current.ranges.length - 1) : state.current.at + by);
  const close = () => {
    finding.value = false;
    settleFocus();
  };
  useLayoutEffect(() => {
    field.current.focus();
    return () => {
      clearTimeout(timer.current);
      globalThis.CSS?.highlights?.clear();
    };
  }, []);
  const onInput = () => {
    state.current.words = field.current.value;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => look(0), PATIENCE_MS);
  };
  const onKeyDown = (event) => {
    if (composing(event)) return;
    if (event.key === 'Escape') close();
    else if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const { count, at, loading, words } = shown;
  const said = !words.trim() ? '' : loading ? t('search.running') : count === 0 ? t('search.nothing') : t('find.count', { at: at + 1, count });
  return html`<div class="find" role="search" aria-label=${t('find.name')} data-testid="find">
    <input ref=${field} type="text" maxlength="200" placeholder=${t('find.name')} aria-label=${t('find.name')} data-testid="find-words" onInput=${onInput} onKeyDown=${onKeyDown} />
    <span class="find-count" role="status" data-testid="find-count">${said}</span>
    <${IconButton} icon="send" label=${t('find.earlier')} data-testid="find-earlier" disabled=${count === 0} onClick=${() => step(1)} />
    <${IconButton} icon="arrow" label=${t('find.later')} data-testid="find-later" disabled=${count === 0} onClick=${() => step(-1)} />
    <${IconButton} icon="close" label=${t('find.close')} data-testid="find-close" onClick=${close} /></div>`;
}
