// Diagrams: drawn by a thread of its own, from a text of bounded size, in bounded time. What cannot be drawn, or not all
// of it, stays code. Loaded with the first that there is.

import DOMPurify from '../../vendor/purify.mjs';
import { t } from '../words.js';

const LONGEST = 20_000;
const MAX_KEPT = 30;
const PATIENCE_MS = 20_000;
const TAGS = 'svg defs marker polygon polyline line rect circle ellipse path g text tspan'.split(' ');
const ATTRIBUTES = ('viewBox width height id markerWidth markerHeight refX refY orient points x y x1 y1 x2 y2 cx cy r rx ry d dx dy ' +
  'fill stroke stroke-width stroke-linejoin stroke-linecap stroke-dasharray transform class font-size font-weight font-style text-anchor ' +
  'dominant-baseline marker-start marker-end opacity fill-opacity').split(' ');
// Colours of a source would be unreadable in one theme or the other: all are the page's.
const COLOUR = /^(?:none|transparent|var\(--[\w-]+\))$/;
const MARKER = /^url\(#[\w-]+\)$/;
const LOOKS = `
:host { display: block; overflow: auto; max-height: 200vh; }
svg { display: block; direction: ltr; margin: 0 auto; max-width: 100%; height: auto;
  --bg: var(--side); --fg: var(--text); --_text: var(--text); --_text-sec: var(--text); --_text-muted: var(--muted); --_text-faint: var(--muted);
  --_line: var(--muted); --_arrow: var(--muted); --_node-fill: var(--raised); --_node-stroke: color-mix(in srgb, var(--muted) 65%, var(--side));
  --_group-fill: transparent; --_group-hdr: var(--soft); --_inner-stroke: var(--line); --_key-badge: var(--soft); }
text { font-family: Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, var(--sans); }
.mono { font-family: var(--mono); }`;

const kept = new Map();
let looks;
let worker = null;
let asked = 0;
let last = Promise.resolve();

/** Shows the diagram that a block of code is, above it. The block keeps its code, and a button to see it. */
export async function showDiagram(block, source) {
  const svg = await svgOf(source);
  const pre = block.querySelector('pre');
  if (!svg || !pre || block.querySelector('.diagram')) return;
  const place = document.createElement('div');
  place.className = 'diagram';
  place.tabIndex = 0;
  place.setAttribute('role', 'img');
  place.setAttribute('aria-label', t('diagram.label'));
  const root = place.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = [(looks ??= sheetOf(LOOKS))];
  root.append(clean(svg));
  pre.before(place);
  block.querySelector('.code-wrap').before(sourceButton());
  block.classList.add('drawn');
}

/** Null: it stays code. One after the other: the thread is ended with the one that takes too long. */
function svgOf(source) {
  if (source.length > LONGEST) return null;
  const known = kept.get(source);
  if (known) return known;
  const drawing = (last = last.then(() => drawn(source)));
  kept.set(source, drawing);
  if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value);
  return drawing;
}

function drawn(source) {
  worker ??= new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const mine = (asked += 1);
  const thread = worker;
  return new Promise((resolve) => {
    const ended = (svg, over) => {
      clearTimeout(timer);
      thread.onmessage = thread.onerror = null;
      if (over) {
        thread.terminate();
        worker = null;
        kept.delete(source);
      }
      resolve(svg);
    };
    const timer = setTimeout(() => ended(null, true), PATIENCE_MS);
    thread.onmessage = ({ data: { id, svg } }) => id === mine && ended(svg, false);
    thread.onerror = () => ended(null, true);
    thread.postMessage({ id: mine, source });
  });
}

function clean(svg) {
  const fragment = DOMPurify.sanitize(svg, { RETURN_DOM_FRAGMENT: true, ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false });
  for (const element of fragment.querySelectorAll('*')) {
    keep(element, 'fill', COLOUR, element.matches('text, tspan') ? 'var(--_text)' : 'var(--_node-fill)');
    keep(element, 'stroke', COLOUR, 'var(--_node-stroke)');
    for (const name of ['marker-start', 'marker-end']) keep(element, name, MARKER, 'none');
  }
  const drawing = fragment.querySelector('svg');
  // Small letters are worse than moving it.
  drawing.style.minWidth = `${Math.min(Number.parseFloat(drawing.getAttribute('width')) || 0, 3000) * 0.7}px`;
  return fragment;
}

function keep(element, name, allowed, otherwise) {
  if (element.hasAttribute(name) && !allowed.test(element.getAttribute(name))) element.setAttribute(name, otherwise);
}

function sheetOf(text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

function sourceButton() {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'code-source';
  made.dataset.testid = 'diagram-source';
  made.setAttribute('aria-pressed', 'false');
  made.textContent = t('diagram.source');
  return made;
}
