// The player of an answer: play, pause, where, how fast.

import { count } from '../format.js';
import { html, IconButton, useState } from '../ui/html.js';
import { t } from '../words.js';
import { Glyph } from './glyphs.js';
import { branchTo, Replay } from './replay.js';
import { duration } from './units.js';

const SPEEDS = [0.25, 0.5, 1, 2, 5, 20];

export function ReplayBar({ conversationId, timeline, view, running, replaying }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const replay = replaying.value;
  const begin = async () => {
    setBusy(true);
    setError('');
    try {
      const messages = await branchTo(conversationId, timeline.generationId);
      if (messages.at(-1)?.id !== timeline.generationId) throw new Error(t('replay.answer-gone'));
      const made = new Replay(conversationId, messages, timeline);
      made.onEnd = () => {
        if (replaying.value === made) replaying.value = null;
      };
      view.chosen.value = timeline.generationId; // what is played stays on top
      replaying.value = made;
    } catch (failure) {
      setError(failure.message);
    } finally {
      setBusy(false);
    }
  };
  if (timeline.chunks.length === 0) return running ? null : html`<p class="replay-none">${t('replay.nothing')}</p>`;
  if (!replay) {
    return html`<div class="replay">
      <button type="button" class="replay-begin" data-testid="replay" disabled=${busy || running} title=${t(running ? 'replay.later' : 'replay.about')} onClick=${begin}><${Glyph} name="play" />${t('replay.name')}</button>
      <span class="muted">${running ? t('replay.running') : t('replay.lasts', { duration: duration(timeline.chunks.at(-1)[1] - timeline.chunks[0][1]) })}</span>
      ${error && html`<p class="log-error" role="alert">${error}</p>`}</div>`;
  }
  const { fromMs, toMs } = replay;
  const atMs = replay.atMs.value;
  const playing = replay.playing.value;
  const label = t(playing ? 'replay.pause' : atMs >= toMs ? 'replay.again' : 'replay.play');
  return html`<div class="replay" role="group" aria-label=${t('replay.name')} data-playing=${playing}>
    <button type="button" class="replay-play" data-testid="replay" aria-label=${label} title=${label} onClick=${() => (playing ? replay.pause() : replay.play())}><${Glyph} name=${playing ? 'pause' : 'play'} /></button>
    <input type="range" min=${Math.floor(fromMs)} max=${Math.ceil(toMs)} step="1" value=${atMs} aria-label=${t('replay.place')} aria-valuetext=${t('replay.at', { now: duration(atMs), all: duration(toMs) })} data-testid="replay-place"
      onInput=${(event) => { const on = playing; replay.pause(); replay.seek(Math.min(toMs, Number(event.target.value))); if (on && replay.atMs.value < toMs) replay.play(); }} />
    <span class="replay-at">${duration(atMs)}</span>
    <select aria-label=${t('replay.speed')} data-testid="replay-speed" value=${String(replay.speed.value)} onChange=${(event) => (replay.speed.value = Number(event.target.value))}>${SPEEDS.map((speed) => html`<option key=${speed} value=${String(speed)}>${count(speed)}×</option>`)}</select>
    <${IconButton} icon="close" label=${t('replay.end')} data-testid="replay-end" onClick=${() => replay.close()} />
  </div>`;
}
