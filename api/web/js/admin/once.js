// A text that the server shows once: a key, or the address of a one-time link.

import { copyText, html, Icon, useState } from '../ui/html.js';
import { t } from '../words.js';

export function Once({ title, text, onDone }) {
  const [copied, setCopied] = useState(false);
  return html`<section class="made" role="status" data-testid="once">
    <p><strong>${title}</strong> ${t('keys.made.once')}</p>
    <div><code dir="ltr" data-testid="once-text">${text}</code>
      <button type="button" data-testid="once-copy" onClick=${async () => setCopied(await copyText(text))}><${Icon} name=${copied ? 'check' : 'copy'} />${t(copied ? 'keys.copied' : 'keys.copy')}</button>
      <button type="button" data-testid="once-done" onClick=${onDone}>${t('settings.done')}</button></div>
  </section>`;
}
