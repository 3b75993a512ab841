// The conversation: its messages and the composer below them. Without a conversation, a place to begin one.

import { begin, conversations } from '../conversations.js';
import { keepModel, lastModel } from '../kept.js';
import { newKey } from '../api.js';
import { defaultModel } from '../preferences.js';
import { go, route } from '../router.js';
import { complain, pastView, printing } from '../state.js';
import { Thread } from '../thread.js';
import { Composer } from './composer.js';
import { FirstRun } from './first_run.js';
import { useGrowing } from './growing.js';
import { html, Icon, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { Message } from './message.js';
import { modelOr } from './model_picker.js';
import { useFollowing } from './scrolling.js';

let current = null;
let beginning = null;

/** The conversation on the page, for shortcuts; null if there is none. */
export const currentThread = () => current;

function threadOf(conversationId, at) {
  if ((current?.id ?? null) !== conversationId) {
    place(conversationId ? new Thread(conversationId) : null);
    current?.load(at);
  }
  return current;
}

function place(thread) {
  current?.close();
  current = thread;
  return thread;
}

export function ThreadView({ conversationId, at }) {
  const thread = threadOf(conversationId, at);
  const scroller = useRef(null);
  const content = useRef(null);
  const { follow, toEnd, away, hold } = useFollowing(scroller, content);
  const [editing, setEditing] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [busy, setBusy] = useState(false);
  const past = pastView.value?.conversationId === conversationId ? pastView.value : null;
  const messages = past ? past.messages : (thread?.messages.value ?? []);
  const count = useGrowing(conversationId, messages.length, Boolean(at) || printing.value);
  const shown = count < messages.length ? messages.slice(-count) : messages;
  const state = thread?.state.value ?? 'new';
  const model = chosen ?? messages.findLast((each) => each.role === 'assistant' && each.model)?.model ?? conversations.value.find((each) => each.id === conversationId)?.model ?? defaultModel.value ?? lastModel();

  useEffect(() => {
    setEditing(null);
    setChosen(null);
    toEnd();
  }, [conversationId]);
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

  const send = async (text) => {
    const using = modelOr(model)?.id;
    if (thread) {
      if (past || messages.at(-1)?.status === 'running' || state !== 'ready') return false;
      toEnd();
      thread.say(text, thread.leafId, using);
      return true;
    }
    if (busy) return false;
    setBusy(true);
    try {
      // The same first prompt begins the same conversation, however often it must be sent.
      if (beginning?.text !== text) beginning = { text, key: newKey() };
      const made = await begin(text, using, beginning.key);
      beginning = null;
      place(new Thread(made.id)).say(text, null, using); // it is new: there is nothing to load
      go(`/c/${made.id}`);
      return true;
    } catch (error) {
      if (error.status !== 401) complain(error);
      return false;
    } finally {
      setBusy(false);
    }
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
  return html`<div class=${`thread ${messages.length === 0 && state !== 'loading' && state !== 'failed' ? 'thread-empty' : ''}`}>
    <div class="scroller" ref=${scroller} tabindex="0" role="region" aria-label="Conversation"><div class="messages" ref=${content}>
      ${past && html`<div class="past-note" role="status">As of ${past.label} <button type="button" class="link" onClick=${() => (pastView.value = null)}>Back to now</button></div>`}
      ${!past && thread?.nextBefore.value && shown === messages && html`<button type="button" class="quiet load-earlier" data-testid="load-earlier" disabled=${thread.loadingEarlier.value} onClick=${earlier}>${thread.loadingEarlier.value ? 'Loading…' : 'Load earlier messages'}</button>`}
      ${state === 'loading' && html`<div class="skeleton" role="status" aria-label="Loading the conversation"><i /><i /><i /></div>`}
      ${state === 'failed' && html`<${Failed} thread=${thread} at=${at} />`}
      ${(state === 'new' || (state === 'ready' && messages.length === 0)) && html`<${FirstRun} model=${modelOr(model)} onStart=${send} />`}
      ${shown.map((message) => html`<${Message} key=${message.key ?? message.id} ...${{ message, thread, model: modelOr(model)?.id, setEditing }} readOnly=${Boolean(past)} onShown=${follow} editing=${editing !== null && editing === message.key} />`)}
      ${thread?.newer.value && html`<div class="past-note" role="status">There is a newer branch of this conversation. <button type="button" class="link" onClick=${() => thread.load()}>Show it</button></div>`}
    </div></div>
    <div class="dock">
      ${away && html`<button type="button" class="to-latest" data-testid="to-latest" aria-label="To the latest message" title="To the latest message" onClick=${toEnd}><${Icon} name="arrow" /></button>`}
      ${!past && html`<${Composer} conversationId=${conversationId} live=${thread?.live ?? null} disabled=${busy || state === 'loading' || state === 'failed'} onSend=${send} model=${model} setModel=${pick}
        onEditLast=${() => setEditing(messages.findLast((each) => each.role === 'user')?.key ?? null)} />`}
      <p class="fine-print">Answers can be wrong. Check what matters.</p>
    </div>
  </div>`;
}

function Failed({ thread, at }) {
  const { status, message } = thread.error.value;
  if (status === 404) return html`<${Missing} what="There is no such conversation." why="It may have been deleted." />`;
  return html`<div class="error-card" role="alert" data-testid="error-card"><${Icon} name="warn" />
    <div><strong>The conversation could not be loaded.</strong><p>${message}</p></div>
    <button type="button" data-testid="retry" onClick=${() => thread.load(at)}>Try again</button></div>`;
}

function Missing({ what, why }) {
  return html`<div class="error-card" role="alert" data-testid="error-card"><${Icon} name="warn" />
    <div><strong>${what}</strong><p>${why}</p></div>
    <button type="button" onClick=${() => go('/')}>New chat</button></div>`;
}

/** At an address that is none of ours. */
export function NotFound() {
  return html`<div class="thread"><div class="scroller"><div class="messages"><${Missing} what="There is nothing at this address." why="A conversation’s address may not have been copied whole." /></div></div></div>`;
}
