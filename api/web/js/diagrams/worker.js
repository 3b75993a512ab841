// Draws diagrams in a thread of its own, without a page: a text to the text of an SVG. The thread is ended when one takes
// too long.

import { isFaithful, linesOf } from './faithful.js';
import { isFlowchart, NAMES, plainFlowchart } from './flowchart.js';

// The libraries take a thread without a document for one of theirs, and put `self` back after use.
globalThis.document = {};
Object.defineProperty(globalThis, 'self', { value: globalThis, writable: true });
const library = import('../../vendor/mermaid/mermaid.mjs');

addEventListener('message', async ({ data: { id, source } }) => {
  postMessage({ id, svg: await drawn(source) });
});

async function drawn(source) {
  try {
    const written = linesOf(source);
    const isFlow = written && isFlowchart(written);
    const lines = isFlow ? plainFlowchart(written) : written;
    if (!lines) return null;
    const { renderMermaidSVG } = await library;
    const svg = renderMermaidSVG(lines.join('\n'), { transparent: true, padding: 16 });
    if (!isFaithful(lines, svg, isFlow ? NAMES : undefined)) return null;
    // Its looks are the page's; a style in the text would be refused by the page's policy.
    return svg.replace(/<style>[\s\S]*?<\/style>/, '').replace(/^(<svg[^>]*?) style="[^"]*"/, '$1');
  } catch {
    return null;
  }
}
