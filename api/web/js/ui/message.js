// One message: a prompt that can be edited, or an answer with what can be done to it.

import { beginningOf } from '../folding.js';
import { count, moment } from '../format.js';
import { helps } from '../problems.js';
import { toldApart } from '../said.js';
import { printing } from '../state.js';
import { oneLine, piecesOf, visible } from '../text.js';
import { t } from '../words.js';
import { AnswerBody, Parts } from './body.js';
import { Edit } from './edit.js';
import { copyText, html, IconButton, useEffect, useMemo, useState } from './html.js';
import { later } from './later.js';

const Cost = later(() => import('./cost.js'), 'Cost');
const OtherModels = later(() => import('./other_models.js'), 'OtherModels');
const ErrorCard = later(() => import('./error_card.js'), 'ErrorCard');
const VERY_LONG = 50_000;
// The server says `refused` of what the stream said had failed.
const NOT_ANSWERED = new Set(['lost', 'refused']);

export function Message({ message: told, thread, model, readOnly, onShown, editing, setEditing }) {
  const message = useMemo(() => toldApart(told), [told]);
  const mine = message.role === 'user';
  const name = mine ? t('message.mine') : message.role === 'assistant' ? t('message.answer') : oneLine(message.role);
  return html`<article class=${`message ${mine ? 'prompt' : 'answer'}`} aria-label=${name} id=${`m-${message.id}`}
    data-testid="message" data-role=${message.role} data-id=${message.id} data-status=${NOT_ANSWERED.has(message.status) ? 'failed' : message.status} aria-busy=${message.status === 'running'}>
    ${mine
      ? html`<${Prompt} ...${{ message, thread, model, readOnly, editing, setEditing }} />`
      : html`<${Answer} ...${{ message, thread, model, onShown }} readOnly=${readOnly || message.role !== 'assistant'} />`}
  </article>`;
}

/** What a prompt brings beside what its user wrote: results of tools, pictures, messages in other roles. */
const besides = ({ parts = [] }) => parts.filter(({ kind, role = 'user' }) => kind !== 'text' || role !== 'user');

function Prompt({ message, thread, model, readOnly, editing, setEditing }) {
  const [all, setAll] = useState(false);
  const others = useMemo(() => besides(message), [message.parts]);
  const beginning = useMemo(() => beginningOf(message.content), [message.content]);
  if (editing) return html`<${Edit} ...${{ message, thread, model }} done=${() => setEditing(null)} />`;
  const long = beginning !== null;
  const shown = visible(long && !all && !printing.value ? `${beginning} …` : message.content);
  return html`${others.length > 0 && html`<${Parts} parts=${others} />`}
    ${shown && html`<div class="bubble" dir="auto">${shown.length > VERY_LONG ? piecesOf(shown).map((piece, at) => html`<span class="long-part" key=${at}>${piece}</span>`) : shown}</div>`}
    ${long && html`<button type="button" class="link" onClick=${() => setAll(!all)}>${all ? t('prompt.less') : t('prompt.all', { count: message.content.length })}</button>`}
    ${!readOnly && html`<div class="actions">
      <${When} at=${message.createdAt} />
      <${Branches} ...${{ message, thread }} />
      <${Copy} text=${message.content} label=${t('message.copy-prompt')} />
      <${IconButton} icon="edit" label=${t('message.edit')} data-testid="edit" onClick=${() => setEditing(message.key)} />
    </div>`}`;
}

function Answer({ message, thread, model, readOnly, onShown }) {
  const { live, status, error } = message;
  const over = status !== 'running';
  const empty = !message.content.trim() && ![...(message.parts ?? []), ...(live?.parts ?? [])].some(({ kind }) => kind !== 'text' && kind !== 'reasoning');
  return html`<${AnswerBody} message=${message} onShown=${onShown} />
    ${status === 'running' && live && html`<${Life} live=${live} />`}
    ${status === 'cancelled' && html`<p class="note">${t(empty ? 'answer.cancelled-empty' : 'answer.cancelled')}</p>`}
    ${status === 'completed' && empty && html`<p class="note" data-testid="empty-answer">${t('answer.empty')}</p>`}
    ${message.finishReason === 'length' && html`<p class="note">${t('answer.truncated')} ${!readOnly && message.id === thread.leafId && !thread.live && html`<button type="button" class="link" data-testid="continue" onClick=${() => thread.say(t('answer.continue-prompt'), message.id, model)}>${t('answer.continue')}</button>`}</p>`}
    ${error && html`<${ErrorCard} ...${{ message, thread, model, readOnly }} />`}
    ${over && !readOnly && html`<div class="actions">
      <${Branches} ...${{ message, thread }} />
      ${!empty && html`<${Copy} text=${message.content} label=${t('message.copy-answer')} />`}
      ${!error && html`<${Thumb} icon="up" rating="up" label=${t('message.good')} ...${{ message, thread }} /><${Thumb} icon="down" rating="down" label=${t('message.bad')} ...${{ message, thread }} />`}
      ${!message.local && answersPrompt(message, thread) && (!error || helps(error, true)) && html`<${IconButton} icon="again" label=${t('answer.regenerate')} data-testid="regenerate" disabled=${Boolean(thread.live)} onClick=${() => thread.regenerate(message, model)} />${!thread.live && html`<${OtherModels} ...${{ message, thread }} />`}`}
      ${!error && html`<${Cost} message=${message} />`}
      <${When} at=${message.createdAt} />
    </div>`}`;
}

/** When it was said, for whoever points at the message or comes to it with keys. */
const When = ({ at }) => at && html`<time class="when" datetime=${at}>${moment(at)}</time>`;

/** What was appended or imported need not follow a prompt; then there is nothing to answer again. */
const answersPrompt = (message, thread) => !message.appended || thread.messages.peek().some(({ id, role }) => id === message.parentMessageId && role === 'user');

/** What is said while an answer has not begun; `queue`: who waits with it, as the server told. */
const waiting = (queue) =>
  queue === null ? t('answer.thinking')
  : queue.etaSeconds === null ? t('answer.queuedOpen', { position: queue.position })
  : t('answer.queued', { position: queue.position, seconds: Math.ceil(queue.etaSeconds) });

/** That an answer is being written, also while its text pauses. */
export function Life({ live }) {
  const [begun, setBegun] = useState(live.parts.length > 0);
  useEffect(() => {
    const first = () => setBegun(true);
    live.listeners.add(first);
    return () => live.listeners.delete(first);
  }, [live]);
  const text = live.state.value === 'reconnecting' ? t('connection.reconnecting') : begun ? t('answer.writing') : waiting(live.queue.value);
  return html`<div class=${begun ? 'waiting writing' : 'waiting'} role="img" aria-label=${text} data-testid="life"><span />${!begun && html`<span /><span />`}</div>
    ${!begun && live.queue.value && html`<p class="muted" data-testid="queued">${text}</p>`}`;
}

/** ‹ 2/3 ›: the other versions of a message. */
function Branches({ message, thread }) {
  const { siblings = [], id } = message;
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(id);
  const to = (step) => () => thread.switchTo(siblings[at + step]);
  const busy = Boolean(thread.live);
  return html`<span class="branches" role="group" aria-label=${t('message.versions')}>
    <${IconButton} icon="left" label=${t('message.earlier')} data-testid="branch-prev" disabled=${at <= 0 || busy} onClick=${to(-1)} />
    <span data-testid="branch-count" aria-label=${t('message.version', { number: at + 1, all: siblings.length })} role="img">${count(at + 1)}/${count(siblings.length)}</span>
    <${IconButton} icon="right" label=${t('message.later')} data-testid="branch-next" disabled=${at >= siblings.length - 1 || busy} onClick=${to(1)} /></span>`;
}

function Copy({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    setDone(await copyText(text));
    setTimeout(() => setDone(false), 1500);
  };
  return html`<${IconButton} icon=${done ? 'check' : 'copy'} label=${done ? t('message.copied') : label} data-testid="copy" onClick=${copy} />`;
}

const Thumb = ({ icon, rating, label, message, thread }) =>
  html`<${IconButton} icon=${icon} label=${label} aria-pressed=${message.feedback === rating} data-testid=${`thumb-${rating}`} onClick=${() => thread.rate(message, rating)} />`;
