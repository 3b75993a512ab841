// Settings → Prompts: what a new chat offers to begin with.

import { html } from '../ui/html.js';
import { Starts } from './starts.js';

export const Section = () => html`<${Starts} />`;
