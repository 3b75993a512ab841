// When something was said: beside what can be done with it, while one looks at it.

import { language } from '../words.js';
import { html } from './html.js';

const short = new Intl.DateTimeFormat(language, { hour: 'numeric', minute: '2-digit' });
const dated = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' });
const whole = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'medium' });

export function SentAt({ at }) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  return html`<time class="sent-at" datetime=${at} title=${whole.format(when)} data-testid="sent-at">${(today ? short : dated).format(when)}</time>`;
}
