// The signs of a player, filled.

import { html } from '../ui/html.js';

const PATHS = { play: 'M8 5.500v13l10.500-6.500z', pause: 'M7 5.500h3.500v13H7zM13.500 5.500H17v13h-3.500z', replay: 'M6.500 5.500v13l8-6.500zM16 5.500h2.500v13H16z' };

export const Glyph = ({ name }) => html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
