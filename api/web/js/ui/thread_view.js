// The conversation: its messages and the composer below them. Without a conversation, a place to begin one.

import { settingsOf } from '../asking.js';
import { conversationOf } from '../conversations.js';
import { keepModel, lastModel } from '../kept.js';
import { defaultModel } from '../preferences.js';
import { queueOf } from '../queue.js';
import { route } from '../router.js';
import { pastView, printing } from '../state.js';
import { beginChat, currentThread, threadOf } from '../threads.js';
import { t } from '../words.js';
import { Composer } from './composer.js';
import { FirstRun } from './first_run.js';
import { useGrowing } from './growing.js';
import { finding, second } from './places.js';
import { html, Icon, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { later } from './later.js';
import { Message } from './message.js';
import { modelOr } from './model_picker.js';
import { useFollowing } from './scrolling.js';

const Compare = later(() => import('./compare.js'), 'Compare');
const Temporary = later(() => import('./temporary.js'), 'Temporary');
const QueueView = later(() => import('./queue_view.js'), 'QueueView');

export function ThreadView({ conversationId, at }) {
  const thread = threadOf(conversationId, at);
  const scroller = useRef(null);
  const content = useRef(null);
  const { follow, toEnd, away, hold } = useFollowing(scroller, content);
  const [editing, setEditing] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [temporary, setTemporary] = useState(false);
  const past = pastView.value?.conversationId === conversationId ? pastView.value : null;
  const messages = past ? past.messages : (thread?.messages.value ?? []);
  const count = useGrowing(conversationId, messages.length, Boolean(at) || printing.value || finding.value);
  const shown = count < messages.length ? messages.slice(-count) : messages;
  const state = thread?.state.value ?? 'new';
  const queue = conversationId ? queueOf(conversationId).value : null;
  const model = chosen ?? settingsOf(conversationId).model ?? messages.findLast((each) => each.role === 'assistant' && each.model)?.model ?? conversationOf(conversationId)?.model ?? defaultModel.value ?? lastModel();

  useEffect(() => {
    setEditing(null);
    setChosen(null);
    setTemporary(false);
    toEnd();
  }, [conversationId]);
  const using = modelOr(model)?.id;
  // Whichever of the two one goes on with, the other one is asked too.
  const besides = second.value?.conversationId === conversationId ? second.value.pair.find((id) => id !== using) : null;
  const setSecond = (id) => (second.value = id && { conversationId, pair: [id, using] });
  const there = Boolean(at) && messages.some((each) => each.id === at);
  const last = messages.at(-1);
  // A new one for each press on a hit, also on the same one again.
  const visit = route.value;
  const sending = Boolean(last?.local) && last.status === 'running';
  useLayoutEffect(() => {
    if (!there) return;
    const found = document.getElementById(`m-${at}`);
    hold();
    found.scrollIntoView({ block: 'center' });
    found.classList.add('found');
  }, [at, there, visit]);
  // It may be further up than what is loaded, or on another branch: that is looked for once.
  useEffect(() => {
    if (!at || state !== 'ready' || sending || thread.sought === at) return;
    if (there) thread.sought = at;
    else thread.load(at);
  }, [at, state, there, sending, thread]);
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && thread?.sync();
    addEventListener('focus', look);
    document.addEventListener('visibilitychange', look);
    return () => {
      removeEventListener('focus', look);
      document.removeEventListener('visibilitychange', look);
    };
  }, [thread]);

  const send = (text, stopping = false) => {
    // What is on the page now: of two presses in one task the second one already finds what the first began.
    const now = currentThread();
    if (now && (past || now.state.value !== 'ready' || !now.known.value)) return false;
    toEnd();
    if (!now) {
      const { id } = beginChat(text, using, { temporary, second: besides });
      if (besides) second.value = { conversationId: id, pair: [besides, using] };
    } else if (now.live) return now.sayNext(text, using, stopping);
    else now.say(text, now.leafId, using, { second: besides });
    return true;
  };
  const earlier = async () => {
    const before = scroller.current.scrollHeight - scroller.current.scrollTop;
    hold();
    await thread.loadEarlier();
    requestAnimationFrame(() => (scroller.current.scrollTop = scroller.current.scrollHeight - before));
  };
  const pick = (id) => {
    setChosen(id);
    keepModel(id);
  };
  return html`<div class=${`thread ${messages.length === 0 && !past && state !== 'loading' && state !== 'failed' ? 'thread-empty' : ''}`}>
    <div class="scroller" ref=${scroller} tabindex="0" role="region" aria-label=${t('thread.label')}><div class="messages" ref=${content}>
      ${past && html`<div class="past-note" role="status">${t('thread.as-of', { when: past.label })} <button type="button" class="link" onClick=${() => (pastView.value = null)}>${t('thread.back-to-now')}</button></div>`}
      ${!past && thread?.nextBefore.value && shown === messages && html`<button type="button" class="quiet load-earlier" data-testid="load-earlier" disabled=${thread.loadingEarlier.value} onClick=${earlier}>${t(thread.loadingEarlier.value ? 'loading' : 'thread.load-earlier')}</button>`}
      ${state === 'loading' && html`<div class="skeleton" role="status" aria-label=${t('thread.loading')}><i /><i /><i /></div>`}
      ${state === 'failed' && html`<${Failed} thread=${thread} at=${at} />`}
      ${past && messages.length === 0 && html`<p class="past-note">${t('thread.past-empty')}</p>`}
      ${!past && (state === 'new' || (state === 'ready' && messages.length === 0)) && html`<${FirstRun} model=${modelOr(model)} onStart=${(text) => currentThread()?.live || send(text)} />`}
      ${(state === 'new' || conversationOf(conversationId)?.temporary) && html`<${Temporary} key=${conversationId ?? 'new'} conversationId=${conversationId} on=${temporary} setOn=${setTemporary} />`}
      ${shown.map((message) => !past && thread?.beside.value?.of === message.id ? html`<${Compare} key="compare" left=${message} right=${thread.beside.value} ...${{ thread, onShown: follow }} />` : html`<${Message} key=${message.key ?? message.id} ...${{ message, thread, model: modelOr(model)?.id, setEditing }} readOnly=${Boolean(past)} onShown=${follow} editing=${editing !== null && editing === message.key} />`)}
      ${thread?.newer.value && html`<div class="past-note" role="status">${t('thread.newer')} <button type="button" class="link" onClick=${() => thread.load()}>${t('thread.show-newer')}</button></div>`}
    </div></div>
    <div class="dock">
      ${away && html`<button type="button" class="to-latest" data-testid="to-latest" aria-label=${t('thread.to-end')} title=${t('thread.to-end')} onClick=${toEnd}><${Icon} name="arrow" /></button>`}
      ${!past && queue?.items.length > 0 && html`<${QueueView} thread=${thread} queue=${queue} />`}
      ${!past && html`<${Composer} conversationId=${conversationId} live=${thread?.running ?? null} queues=${Boolean(thread?.live)} onStop=${() => thread.stop()} disabled=${state === 'loading' || state === 'failed' || (thread && !thread.known.value)} onSend=${send} model=${model} setModel=${pick} second=${besides} setSecond=${setSecond} temporary=${temporary} setTemporary=${state === 'new' ? setTemporary : null}
        onEditLast=${() => setEditing(messages.findLast((each) => each.role === 'user')?.key ?? null)} />`}
      <p class="fine-print">${t('thread.fine-print')}</p>
    </div>
  </div>`;
}

function Failed({ thread, at }) {
  const { message, retryable } = thread.error.value;
  return html`<div class="error-card" role="alert" data-testid="error-card"><${Icon} name="warn" />
    <div><strong>${t('thread.not-loaded')}</strong><p>${message}${retryable && ` ${t('thread.loads-again')}`}</p></div>
    <button type="button" data-testid="retry" onClick=${() => thread.load(at)}>${t('try-again')}</button></div>`;
}
