// Settings → General: look, chat, notices.

import {
  change, defaultModel, language, MAX_SYSTEM_PROMPT, MAX_TEXT_SIZE, MIN_TEXT_SIZE, sendKey, systemPrompt, textSize, theme,
} from '../preferences.js';
import { models } from '../state.js';
import { oneLine } from '../text.js';
import { html, useEffect, useState } from '../ui/html.js';
import { LANGUAGES, t } from '../words.js';
import { Choice, Field, Group, Segments } from './fields.js';
import { sent } from './keeping.js';
import { Notices } from './notices.js';

const COMMAND = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';
const TEXT_SIZE_STEP = 5;
const FEW_LEFT = 500;

export const Section = () => html`<${Look} /><${Chat} /><${Notices} />`;

function Look() {
  const size = textSize.value;
  return html`<${Group} title=${t('general.look')}>
    <${Segments} id="theme" label=${t('general.theme')} value=${theme.value} options=${['system', 'light', 'dark'].map((each) => [each, t(`general.theme.${each}`)])}
      onChoose=${(value) => change({ theme: value === 'system' ? null : value })} />
    <${Field} id="language" label=${t('general.language')} hint=${t('general.language.hint')}>
      <${Choice} id="language" hint value=${language.value ?? ''} options=${[['', t('general.language.browser')], ...Object.entries(LANGUAGES)]} onChoose=${speak} /></${Field}>
    <${Field} id="text-size" label=${t('general.size')}>
      <input type="range" id="text-size" data-testid="text-size" min=${MIN_TEXT_SIZE} max=${MAX_TEXT_SIZE} step=${TEXT_SIZE_STEP} value=${size} aria-valuetext=${t('general.size.value', { percent: size })}
        onChange=${(event) => change({ textSize: Number(event.target.value) })} />
      <output for="text-size">${t('general.size.value', { percent: size })}</output></${Field}>
  </${Group}>`;
}

/** The words of a language are loaded with the page. */
async function speak(value) {
  change({ language: value || null });
  await sent();
  location.reload();
}

function Chat() {
  const chosen = defaultModel.value;
  const offered = models.value.filter(({ listed }) => listed !== false).map(({ id }) => [id, oneLine(id)]);
  if (chosen && !offered.some(([id]) => id === chosen)) offered.push([chosen, t('general.model.gone', { model: oneLine(chosen) })]);
  return html`<${Group} title=${t('general.chat')}>
    <${Field} id="default-model" label=${t('general.model')}>
      <${Choice} id="default-model" value=${chosen ?? ''} options=${[['', t('general.model.last')], ...offered]} onChoose=${(value) => change({ defaultModel: value || null })} /></${Field}>
    <${HowToAnswer} />
    <${Segments} id="send-key" label=${t('general.send')} value=${sendKey.value} options=${[['enter', t('general.send.enter')], ['mod-enter', t('general.send.mod', { key: COMMAND })]]}
      onChoose=${(value) => change({ sendKey: value === 'enter' ? null : value })} />
    <p class="hint">${t('general.send.hint')}</p>
  </${Group}>`;
}

function HowToAnswer() {
  const kept = systemPrompt.value;
  const [text, setText] = useState(kept);
  useEffect(() => setText(kept), [kept]);
  const left = MAX_SYSTEM_PROMPT - text.length;
  return html`<form onSubmit=${(event) => { event.preventDefault(); change({ systemPrompt: text.trim() || null }); }}>
    <${Field} id="system-prompt" label=${t('general.answer')} hint=${t('general.answer.hint')} wide>
      <textarea id="system-prompt" data-testid="system-prompt" rows="4" dir="auto" maxlength=${MAX_SYSTEM_PROMPT} aria-describedby="system-prompt-hint" value=${text} onInput=${(event) => setText(event.target.value)} />
      ${(text.trim() !== kept || left < FEW_LEFT) && html`<div class="field-actions">
        <span class="hint" role="status">${left < FEW_LEFT && t('general.answer.left', { count: left })}</span>
        ${text.trim() !== kept && html`<button type="button" onClick=${() => setText(kept)}>${t('settings.cancel')}</button>
        <button type="submit" class="primary" data-testid="system-prompt-save">${t('settings.save')}</button>`}</div>`}</${Field}>
  </form>`;
}
