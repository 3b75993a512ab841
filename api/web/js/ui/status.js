// What the page says in passing: toasts, the state of the connection, announcements for screen readers.

import { announcement, dismiss, online, reachable, reconnecting, session, toasts } from '../state.js';
import { t } from '../words.js';
import { html, IconButton } from './html.js';

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map((each) => html`<div class="toast" key=${each.id}><span>${each.text}</span>
      ${each.action && html`<button type="button" onClick=${() => { dismiss(each.id); each.action.run(); }}>${each.action.label}</button>`}
      <${IconButton} icon="close" label=${t('dismiss')} onClick=${() => dismiss(each.id)} /></div>`)}
  </div>`;
}

export function Connection() {
  let text = '';
  if (!online.value) text = t('connection.offline');
  else if (session.value && reconnecting.value > 0) text = t('connection.reconnecting');
  else if (!reachable.value) text = t('connection.unreachable');
  return html`<div class=${`connection ${text ? 'shown' : ''}`} role="status" data-testid="connection">${text && html`<span class="dot" />${text}`}</div>`;
}

export const Announcer = () => html`<div class="visually-hidden" role="status" aria-live="polite">${announcement.value}</div>`;
