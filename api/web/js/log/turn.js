// One turn above the events: its timeline, and its answer played again.

import { get } from '../api.js';
import { html, Icon, useEffect, useRef, useState } from '../ui/html.js';
import { t } from '../words.js';
import { ReplayBar } from './replay_bar.js';
import { CHUNK } from './rows.js';
import { Timeline } from './timeline.js';
import { timelineRows, withLive } from './timeline_rows.js';
import { duration } from './units.js';

const PATIENCE_MS = 250;
const AGAIN_MS = 1000;
const MAX_TRIES = 8;
const none = { timeline: null, error: null };

/** `generationId`: the turn that is shown; `prompt`: what it asks; `replaying`: signal of the Replay there is, or null. */
export function Turn({ log, generationId, prompt, view, replaying }) {
  const [{ timeline, error }, setFound] = useState(none);
  const [shown, setShown] = useState(true);
  const [tries, setTries] = useState(0);
  const asked = useRef(null);
  const own = log.events.value.filter((each) => each.generationId === generationId);
  const signs = own.reduce((sum, each) => sum + (each.type === CHUNK ? 0 : 1), 0);
  useEffect(() => {
    setFound(none);
    setTries(0);
    asked.current = null;
  }, [generationId]);
  useEffect(() => {
    const control = new AbortController();
    let timer = setTimeout(async () => {
      asked.current = generationId;
      try {
        const found = await get(`/api/v1/generations/${encodeURIComponent(generationId)}/timeline`, { signal: control.signal });
        setFound({ timeline: found, error: null });
      } catch (failure) {
        if (control.signal.aborted) return;
        if (failure.retryable && tries < MAX_TRIES) timer = setTimeout(() => setTries(tries + 1), AGAIN_MS);
        else setFound((before) => ({ ...before, error: failure }));
      }
    }, asked.current ? PATIENCE_MS : 0);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [generationId, signs, tries]);
  const fits = timeline?.generationId === generationId && timeline.stages.length > 0;
  const told = fits ? timelineRows(withLive(timeline, own), heardMs(timeline, own)) : null;
  return html`<section class="turn" aria-label=${t('log.turn-timeline')} data-testid="timeline" data-generation=${generationId}>
    <button type="button" class="turn-head" aria-expanded=${shown} onClick=${() => setShown(!shown)}><${Icon} name="chevron" /><strong>${t('log.turn')}</strong>
      <bdi>${prompt ?? ''}</bdi>${told && html`<span class="muted">${told.running ? t('log.end-running') : duration(told.totalMs)}</span>`}</button>
    ${shown && html`
      ${error && html`<p class="log-error" role="alert">${error.message} <button type="button" class="link" onClick=${() => setTries(tries + 1)}>${t('try-again')}</button></p>`}
      ${!fits && !error && html`<div class="skeleton" role="status" aria-label=${t('log.reading-timeline')}><i /><i /></div>`}
      ${told && html`<${Timeline} told=${told} view=${view} replaying=${replaying} />
        <${ReplayBar} key=${generationId} conversationId=${log.conversationId} timeline=${timeline} view=${view} running=${told.running} replaying=${replaying} />`}`}
  </section>`;
}

/** How long a turn has lasted, by the newest event of it. */
function heardMs({ stages }, own) {
  const startMs = Date.parse(stages[0].at) - stages[0].sinceStartMs;
  return own.length > 0 ? own.at(-1).atMs - startMs : 0;
}
