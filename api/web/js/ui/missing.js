// What stands where nothing is to be shown: at an address of nothing, and where a conversation was.

import { stay } from '../leaving.js';
import { go } from '../router.js';
import { t } from '../words.js';
import { html, Icon } from './html.js';

/** `why`: 'address', 'missing', 'leaving', 'deleted', or 'rescued' where what was being written to it has been kept. */
export function Missing({ why, id }) {
  return html`<div class="thread"><div class="scroller"><div class="messages">
    <div class="error-card" role="alert" data-testid="error-card"><${Icon} name="warn" />
      <div><strong>${t(`missing.${why}`)}</strong><p>${t(`missing.${why}.why`)}</p></div>
      ${why === 'leaving' && html`<button type="button" onClick=${() => stay([id])}>${t('left.undo')}</button>`}
      <button type="button" onClick=${() => go('/')}>${t('new-chat')}</button></div>
  </div></div></div>`;
}
