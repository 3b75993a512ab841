// What stands where nothing has been said yet: prompts to begin with, and which model answers here.

import { starts } from '../preferences.js';
import { offeredStarts } from '../state.js';
import { t, tt } from '../words.js';
import { html } from './html.js';

const OF_ALL = ['water', 'sleep', 'sunset', 'hole'];
const OF_SCRIPTED = ['what', 'count', 'times'];
const SCRIPTED = ['verbatim-scripted', 'verbatim-local', 'verbatim-local-llmapi'];
const COMES_ALONG = ['smollm2-135m-instruct', ...SCRIPTED];
const ENTRY = `[[model]]
id = "qwen2.5-1.5b-instruct"
engine = "triton"
gguf = "qwen2.5-1.5b-instruct-q4_k_m.gguf"
context_tokens = 8192
max_output_tokens = 2048
price = { input = 0, output = 0 }`;

/** The user's own; else the installation's; else those that come along, which the model that comes along answers decently. */
function startsFor(model) {
  if (starts.value) return starts.value;
  if (offeredStarts.value.length > 0) return offeredStarts.value;
  return (SCRIPTED.includes(model?.id) ? OF_SCRIPTED : OF_ALL).map((name) => t(`start.${name}`));
}

export function FirstRun({ model, onStart }) {
  return html`<div class="greeting"><h2>${t('start.greeting')}</h2>
    <div class="starts">${startsFor(model).map((text) => html`<button type="button" key=${text} dir="auto" data-testid="start" onClick=${() => onStart(text)}>${text}</button>`)}</div>
    ${COMES_ALONG.includes(model?.id) && html`<div class="about-model" data-testid="about-model">
      <p>${tt('start.model', { model: html`<strong><bdi>${model.id}</bdi></strong>` })} <bdi>${model.description}</bdi></p>
      <details><summary>${t('start.better')}</summary>
        <p>${tt('start.better.how', { command: html`<code>./verbatim up --models models.toml</code>` })}</p>
        <pre tabindex="0" role="region" dir="ltr" aria-label=${t('start.better.entry')}><code>${ENTRY}</code></pre>
        <p>${tt('start.better.more', { file: html`<code>docs/models.md</code>` })}</p>
      </details></div>`}</div>`;
}
