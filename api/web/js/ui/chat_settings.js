// What holds in one conversation, instead of the user's own settings.

import { newKey, put } from '../api.js';
import { noteSettings, settingsOf } from '../asking.js';
import { MAX_SYSTEM_PROMPT } from '../preferences.js';
import { models } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { styled } from '../log/stylesheet.js';
import { html, useState } from './html.js';

await styled('composing.css');

/** By name: what it is called, and its bounds. */
const NUMBERS = [
  ['temperature', () => t('chat-settings.temperature'), { min: 0, max: 2, step: 'any' }],
  ['topP', () => t('chat-settings.top-p'), { min: 0, max: 1, step: 'any' }],
  ['maxTokens', () => t('chat-settings.max-tokens'), { min: 1, max: 1_000_000, step: 1 }],
];

export function ChatSettings({ conversationId, close }) {
  const now = settingsOf(conversationId);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const save = async (event) => {
    event.preventDefault();
    const { elements } = event.target;
    const numbers = NUMBERS.map(([name]) => [name, elements[name].value === '' ? null : Number(elements[name].value)]);
    const all = [['model', elements.model.value || null], ['systemPrompt', elements.systemPrompt.value.trim() || null], ...numbers];
    const chosen = Object.fromEntries(all.filter(([, value]) => value !== null));
    setBusy(true);
    setProblem('');
    try {
      if (conversationId) await put(`/api/v1/conversations/${conversationId}/settings`, chosen, { key: newKey() });
      noteSettings(conversationId, chosen);
      close();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<form class="chat-settings" onSubmit=${save}>
    <h2 id="dialog-title">${t('chat-settings.title')}</h2>
    <p>${t(conversationId ? 'chat-settings.about' : 'chat-settings.about-new')}</p>
    <label for="cs-model">${t('chat-settings.model')}</label>
    <select id="cs-model" name="model" data-testid="cs-model"><option value="">${t('chat-settings.as-picked')}</option>
      ${models.value.filter((each) => each.listed !== false || each.id === now.model).map(({ id }) => html`<option key=${id} value=${id} selected=${id === now.model}>${oneLine(id)}</option>`)}</select>
    <label for="cs-prompt">${t('chat-settings.system-prompt')}</label>
    <textarea id="cs-prompt" name="systemPrompt" rows="4" maxlength=${MAX_SYSTEM_PROMPT} dir="auto" data-testid="cs-system-prompt" placeholder=${t('chat-settings.as-yours')} defaultValue=${now.systemPrompt ?? ''} />
    <div class="chat-settings-numbers">${NUMBERS.map(([name, called, bounds]) => html`<div key=${name}><label for=${`cs-${name}`}>${called()}</label>
      <input id=${`cs-${name}`} name=${name} type="number" inputmode="decimal" ...${bounds} data-testid=${`cs-${name}`} placeholder=${t('chat-settings.default')} defaultValue=${now[name] ?? ''} /></div>`)}</div>
    <p class="form-error" role="alert">${problem}</p>
    <div class="dialog-actions"><button type="button" onClick=${close}>${t('cancel')}</button>
      <button type="submit" class="primary" disabled=${busy} data-testid="cs-save">${t('save')}</button></div>
  </form>`;
}
