// What the page says in passing: toasts, the state of the connection, announcements for screen readers.

import { announcement, dismiss, online, reachable, reconnecting, session, toasts, told } from '../state.js';
import { t, tOr } from '../words.js';
import { html, IconButton, useEffect, useState } from './html.js';

/** Words in passing are read out when there is a pause, errors at once. */
export function Toasts() {
  const shown = (wanted) => toasts.value.filter((each) => Boolean(each.error) === wanted).map((each) => html`<${Toast} key=${each.id} ...${each} />`);
  return html`<div class="toasts"><div role="alert">${shown(true)}</div><div role="status" aria-live="polite">${shown(false)}</div></div>`;
}

function Toast({ id, text, detail, action, error }) {
  return html`<div class=${`toast ${error ? 'toast-error' : ''}`} data-testid=${error ? 'problem' : 'toast'}>
    <div class="toast-text"><span>${text}</span>${detail && html`<${Details} text=${detail} />`}</div>
    ${action && html`<button type="button" onClick=${() => { dismiss(id); action.run(); }}>${action.label}</button>`}
    <${IconButton} icon="close" label=${t('dismiss')} onClick=${() => dismiss(id)} /></div>`;
}

/** What a server or an engine says itself, for whoever mends it. */
export const Details = ({ text }) => html`<details class="technical" data-testid="details"><summary>${t('details')}</summary><p><bdi>${text}</bdi></p></details>`;

export function Connection() {
  // Of several that wait, the one that goes on first.
  const wait = session.value && [...told.value.values()].sort((a, b) => a.untilMs - b.untilMs)[0];
  let text = '';
  if (!online.value) text = t('connection.offline');
  else if (wait) return html`<${Told} key=${wait.untilMs} ...${wait} />`;
  else if (session.value && reconnecting.value > 0) text = t('connection.reconnecting');
  else if (!reachable.value) text = t('connection.unreachable');
  return html`<div class=${`connection ${text ? 'shown' : ''}`} role="status" data-testid="connection">${text && html`<span class="dot" />${text}`}</div>`;
}

/** What the server says who is asked to wait, and how long it still takes. It is read out once, not each second. */
function Told({ error, sends, untilMs }) {
  const leftS = () => Math.max(1, Math.ceil((untilMs - Date.now()) / 1000));
  const [seconds, setSeconds] = useState(leftS);
  const [first] = useState(seconds);
  useEffect(() => {
    const timer = setInterval(() => setSeconds(leftS()), 250);
    return () => clearInterval(timer);
  }, []);
  const why = error.status === 429 ? t('connection.limited') : tOr(`away.${error.code}`, t('away.unknown'));
  const text = (left) => `${why} ${t(sends ? 'connection.sends-in' : 'connection.tries-in', { seconds: left })}`;
  return html`<div class="connection shown" role="status" data-testid="connection" title=${error.detail}><span class="dot" />
    <span class="visually-hidden">${text(first)}</span><span aria-hidden="true" data-testid="countdown">${text(seconds)}</span></div>`;
}

export const Announcer = () => html`<div class="visually-hidden" role="status" aria-live="polite">${announcement.value}</div>`;
