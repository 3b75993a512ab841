// What stands where nothing has been said yet: prompts to begin with, and which model answers here.

import { html } from './html.js';

// What the model that comes along answers decently, and any better one as well.
const STARTS = ['What is the water cycle?', 'Give me five tips for sleeping better.', 'Describe a sunset at the beach.', 'Explain what a black hole is in simple words.'];
const OF_SCRIPTED = ['What can you do?', 'Count from 1 to 40', 'What is 37 × 24?'];
const SCRIPTED = ['verbatim-scripted', 'verbatim-local', 'verbatim-local-llmapi'];
const COMES_ALONG = ['smollm2-135m-instruct', ...SCRIPTED];
const ENTRY = `[[model]]
id = "qwen2.5-1.5b-instruct"
engine = "triton"
gguf = "qwen2.5-1.5b-instruct-q4_k_m.gguf"
context_tokens = 8192
max_output_tokens = 2048
price = { input = 0, output = 0 }`;

export function FirstRun({ model, onStart }) {
  const starts = SCRIPTED.includes(model?.id) ? OF_SCRIPTED : STARTS;
  return html`<div class="greeting"><h2>What is on your mind?</h2>
    <div class="starts">${starts.map((text) => html`<button type="button" key=${text} data-testid="start" onClick=${() => onStart(text)}>${text}</button>`)}</div>
    ${COMES_ALONG.includes(model?.id) && html`<div class="about-model" data-testid="about-model">
      <p><strong><bdi>${model.id}</bdi></strong> answers. <bdi>${model.description}</bdi></p>
      <details><summary>Add a better model</summary>
        <p>Whoever runs this server adds models in a file, and starts it with <code>./verbatim up --models models.toml</code>: a GGUF file that is computed here, or any server that speaks OpenAI’s API.</p>
        <pre tabindex="0" role="region" aria-label="An entry of models.toml"><code>${ENTRY}</code></pre>
        <p><code>docs/models.md</code> has more entries to copy, and what memory they need.</p>
      </details></div>`}</div>`;
}
