// A chat that is in no list and is not used again: it ends when one leaves it.

import { learn } from '../conversations.js';
import { keepDraft } from '../kept.js';
import { t } from '../words.js';
import { styled } from '../log/stylesheet.js';
import { html, useEffect } from './html.js';

await styled('composing.css');

/** On a new chat, whether it is to be one; in one, what that means. */
export function Temporary({ conversationId, on, setOn }) {
  useEffect(() => {
    if (!conversationId) return undefined;
    const end = () => {
      keepDraft(conversationId, '');
      // The page may be going: what is sent now is not waited for. What does not arrive, the server ends by itself.
      fetch(`/api/v1/conversations/${conversationId}`, { method: 'DELETE', keepalive: true, credentials: 'same-origin', headers: { 'X-Verbatim-CSRF': '1' } }).catch(() => {});
    };
    const back = ({ persisted }) => persisted && learn(conversationId);
    addEventListener('pagehide', end);
    addEventListener('pageshow', back);
    return () => {
      removeEventListener('pagehide', end);
      removeEventListener('pageshow', back);
      end();
    };
  }, [conversationId]);
  const note = html`<p class="past-note" role="note" data-testid="temporary-note">${t('temporary.note')}</p>`;
  if (conversationId) return note;
  return html`<div class="temporary"><button type="button" class="quiet" aria-pressed=${on} data-testid="temporary" onClick=${() => setOn(!on)}>${t(on ? 'temporary.on' : 'temporary.off')}</button>${on && note}</div>`;
}
