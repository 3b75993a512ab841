// Reads the file away from the page, keeps what it found, and hands out what is to be sent.

import { read } from './reading.js';
import { requestsOf } from './requests.js';

let found = [];

/** What the page shows of a conversation. */
const summary = ({ product, title, messages, createdAt, updatedAt, problems, names, left }, index) => ({
  index, product, title: title || firstWords(messages), count: messages.length, at: updatedAt ?? createdAt ?? messages.at(-1)?.at ?? null, problems, names, left,
});
const firstWords = (messages) => messages.find(({ role }) => role === 'user')?.parts.map(({ text }) => text).join(' ').slice(0, 80) ?? '';

addEventListener('message', async ({ data }) => {
  if (data.file) {
    found = [];
    let told = 0;
    try {
      const problems = await read(data.file, (conversation) => found.push(conversation), (part) => {
        if (performance.now() - told < 100) return;
        told = performance.now();
        postMessage({ reading: part, count: found.length });
      });
      postMessage({ found: found.map(summary), problems });
    } catch (error) {
      postMessage({ failed: error.name });
    }
  } else if ('index' in data) {
    postMessage({ requests: [...requestsOf(found[data.index])], index: data.index });
  }
});
