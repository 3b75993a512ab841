// Two answers to one prompt, side by side; on a narrow screen as tabs. Either can be the one to go on with.

import { pick } from '../comparing.js';
import { toldApart } from '../said.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { AnswerBody } from './body.js';
import { ErrorCard } from './error_card.js';
import { styled } from '../log/stylesheet.js';
import { html, useMemo, useState } from './html.js';
import { Life } from './message.js';

await styled('composing.css');

export function Compare({ left, right, thread, onShown }) {
  const [tab, setTab] = useState(1);
  const both = [left, right];
  const nameOf = ({ model }, at) => oneLine(model ?? '') || t('compare.answer', { number: at + 1 });
  return html`<section class="compare" aria-label=${t('compare.label')} data-testid="compare">
    <div class="compare-tabs" role="group" aria-label=${t('compare.label')}>${both.map((each, at) => html`<button type="button" key=${at} aria-pressed=${at === tab} data-testid="compare-tab" onClick=${() => setTab(at)}><bdi>${nameOf(each, at)}</bdi></button>`)}</div>
    <div class="compare-columns" data-tab=${tab}>
      ${both.map((each, at) => html`<${Column} key=${each.key} message=${each} name=${nameOf(each, at)} onShown=${onShown} pick=${() => pick(thread, each)} />`)}
    </div>
  </section>`;
}

function Column({ message: told, name, onShown, pick }) {
  const message = useMemo(() => toldApart(told), [told]);
  const { live, status, error, content } = message;
  return html`<article class="compare-answer" aria-label=${name} data-testid="compare-answer" data-status=${status} aria-busy=${status === 'running'}>
    <h2><bdi>${name}</bdi></h2>
    <${AnswerBody} message=${message} onShown=${onShown} />
    ${status === 'running' && live && html`<${Life} live=${live} />`}
    ${status === 'completed' && !content.trim() && html`<p class="note">${t('answer.empty')}</p>`}
    ${error && html`<${ErrorCard} message=${message} readOnly />`}
    <button type="button" class="compare-pick" data-testid="compare-pick" onClick=${pick}>${t('compare.pick')}</button>
  </article>`;
}
