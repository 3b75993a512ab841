// Why an answer failed or a prompt was not sent, and what can be done about it.

import { helps, sentence } from '../problems.js';
import { oneLine } from '../text.js';
import { t, tOr } from '../words.js';
import { html, Icon } from './html.js';
import { Details } from './status.js';

export function ErrorCard({ message, thread, model, readOnly }) {
  const { error, command } = message;
  const lost = message.status === 'lost';
  const retry = () => {
    if (!lost) thread.regenerate(message, model);
    else if (command) thread.submit(command); // the same key: the server knows whether it had it already
    else thread.rejoin(message);
  };
  const why = lost ? error.message : (tOr(`failure.${error.code}`, '') || sentence(error.message ?? '') || t('failure.unknown'));
  const technical = oneLine(error.detail ?? '');
  return html`<div class="error-card" role="alert" data-testid="error-card"><${Icon} name="warn" />
    <div><strong>${t(lost ? 'error.not-sent' : 'error.failed')}</strong><p>${oneLine(why)}</p>${technical && technical !== why && html`<${Details} text=${technical} />`}</div>
    ${!readOnly && helps(error) && html`<button type="button" data-testid="retry" onClick=${retry}>${t('try-again')}</button>`}</div>`;
}
