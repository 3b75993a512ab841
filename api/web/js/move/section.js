// Settings → Your data: export all conversations, import those of other products.

import { html } from '../ui/html.js';
import { styled } from '../log/stylesheet.js';
import { Group } from '../settings/fields.js';
import { t } from '../words.js';
import { Export } from './export_view.js';
import { Import } from './import_view.js';

await styled('move.css');

export const Section = () => html`<${Group} title=${t('move.export')}><p class="hint">${t('move.export.hint')}</p><${Export} /></${Group}>
  <${Group} title=${t('move.import')}><${Import} /></${Group}>`;
