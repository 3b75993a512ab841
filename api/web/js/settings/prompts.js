// Settings → Prompts: the user's snippets, and what a new chat offers to begin with.

import { html } from '../ui/html.js';
import { Snippets } from './snippets.js';
import { Starts } from './starts.js';

export const Section = () => html`<${Snippets} /><${Starts} />`;
