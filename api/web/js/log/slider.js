// The time slider: each stop is an event; the last one is now.

import { count } from '../format.js';
import { html, IconButton } from '../ui/html.js';
import { t } from '../words.js';
import { exactly, inWords, moment } from './units.js';

export function TimeSlider({ log, travel }) {
  const events = log.events.value;
  const at = travel.at.value;
  const place = at ? events.indexOf(at) : -1;
  const stop = place < 0 ? events.length : place;
  const go = (to) => (to >= events.length ? travel.back() : travel.to(events[Math.max(0, to)]));
  const onKeyDown = (event) => {
    if (event.key !== 'Escape' || !at) return;
    event.stopPropagation();
    travel.back();
  };
  const said = at ? t('log.slider-at', { time: exactly(at.atMs), name: nameOf(at), number: stop + 1, all: events.length }) : t('log.slider-now');
  return html`<section class=${`log-time ${at ? 'past' : ''}`} aria-label=${t('log.time')} aria-busy=${travel.loading.value} onKeyDown=${onKeyDown}>
    <div class="log-time-track">
      <${IconButton} icon="left" label=${t('log.before')} disabled=${events.length === 0 || stop === 0} onClick=${() => go(stop - 1)} />
      <input type="range" min="0" max=${Math.max(1, events.length)} step="1" value=${events.length === 0 ? 1 : stop} disabled=${events.length === 0} aria-label=${t('log.slider')} aria-valuetext=${said} data-testid="time-slider"
        onInput=${(event) => go(Number(event.target.value))} />
      <${IconButton} icon="right" label=${t('log.after')} disabled=${!at} onClick=${() => go(stop + 1)} />
    </div>
    <div class="log-time-said">
      ${at
        ? html`<span data-testid="time-said"><strong>${exactly(at.atMs)}</strong> <span class="muted">${nameOf(at)} · ${travel.loading.value ? t('log.reading') : t('log.of', { number: stop + 1, all: events.length })}</span></span>
          <button type="button" class="link" data-testid="back-to-now" onClick=${() => travel.back()}>${t('log.back')}</button>`
        : html`<span data-testid="time-said"><strong>${t('log.slider-now')}</strong>${events.length > 0 && html` <span class="muted">${t('log.slide-back', { time: moment(events[0].atMs) })}</span>`}</span>`}
    </div>
    ${travel.error.value && html`<p class="log-error" role="alert">${travel.error.value.message} <button type="button" class="link" onClick=${() => travel.to(at)}>${t('try-again')}</button></p>`}
  </section>`;
}

const nameOf = ({ type, payload }) => `${inWords(type)}${payload?.seq !== undefined && type === 'TokenChunk' ? ` ${count(payload.seq)}` : ''}`;
