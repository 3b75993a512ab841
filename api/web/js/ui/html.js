// Templates, and the few small things that every part of the page is made of.

import { h } from '../../vendor/preact.mjs';
import htm from '../../vendor/htm.mjs';
import '../../vendor/signals.mjs';

export { useEffect, useLayoutEffect, useMemo, useRef, useState } from '../../vendor/preact-hooks.mjs';
export const html = htm.bind(h);

/** A key that belongs to an input method is not one of ours. */
export const composing = (event) => event.isComposing || event.keyCode === 229;

export const PATHS = {
  plus: 'M12 5v14M5 12h14', search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4', menu: 'M4 7h16M4 12h16M4 17h16',
  tune: 'M4 7h9M17 7h3M4 17h3M11 17h9M13 7a2 2 0 1 0 4 0 2 2 0 1 0-4 0zM7 17a2 2 0 1 0 4 0 2 2 0 1 0-4 0z', filter: 'M4 6h16M7 12h10M10 18h4',
  more: 'M3.500 12a1.700 1.700 0 1 0 3.400 0 1.700 1.700 0 1 0-3.400 0zM10.300 12a1.700 1.700 0 1 0 3.400 0 1.700 1.700 0 1 0-3.400 0zM17.100 12a1.700 1.700 0 1 0 3.400 0 1.700 1.700 0 1 0-3.400 0z', send: 'M12 19V5M6 11l6-6 6 6', stop: 'M6.500 4.500h11a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-11a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2z', copy: 'M9 9h10v10H9zM15 9V5H5v10h4',
  check: 'M5 13l4 4L19 7', edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4', again: 'M4 12a8 8 0 0 1 14-5l2 2M20 4v5h-5M20 12a8 8 0 0 1-14 5l-2-2M4 20v-5h5',
  up: 'M7 11v9H4v-9zM7 11l4-8c1.7 0 2.5 1.2 2 3l-1 4h6c1.5 0 2.3 1 2 2.4l-1.3 6A2 2 0 0 1 16.700 20H7',
  down: 'M7 13V4H4v9zM7 13l4 8c1.700 0 2.500-1.200 2-3l-1-4h6c1.500 0 2.300-1 2-2.400l-1.300-6A2 2 0 0 0 16.700 4H7',
  left: 'M14 6l-6 6 6 6', right: 'M10 6l6 6-6 6', arrow: 'M12 5v14M6 13l6 6 6-6', close: 'M6 6l12 12M18 6L6 18', chevron: 'M7 10l5 5 5-5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.900 4.900l1.400 1.400M17.700 17.700l1.400 1.400M2 12h2M20 12h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z', log: 'M4 6h10M4 12h16M4 18h7M18 5v2M15 17v2', pulse: 'M3 12h4l3-7 4 14 3-7h4',
  help: 'M9.500 9a2.500 2.500 0 1 1 3.500 2.300c-.700.300-1 .900-1 1.700M12 17h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z', out: 'M10 4H5v16h5M15 8l4 4-4 4M9 12h10', warn: 'M12 4l9 16H3zM12 10v4M12 17h.01', sliders: 'M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h9M17 17h3M15 15v4', sidebar: 'M4 5h16v14H4zM9 5v14', paste: 'M8 5H6v15h12V5h-2M9 3h6v4H9z',
};
const LOOKS = { stop: 'icon filled', more: 'icon filled', left: 'icon turns', right: 'icon turns', out: 'icon turns', sidebar: 'icon turns' };
export const Icon = ({ name }) => html`<svg class=${LOOKS[name] ?? 'icon'} viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;

/** A button that is only an icon. Its name is also its tooltip. */
export const IconButton = ({ icon, label, ...rest }) =>
  html`<button type="button" class="icon-button" aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} /></button>`;

/** Copies a text, also where the page is not served over a secure origin. True if that worked. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
