// A conversation as the requests that import it: each is small enough, and the last of them shows it. Pure.

import { sizeOf, wireOf } from './message.js';

const MAX_MESSAGES = 1000;
const MAX_CHARACTERS = 1_500_000;

export function* requestsOf(conversation) {
  const { product, sourceId, title, model, systemPrompt, createdAt, updatedAt, messages } = conversation;
  const said = {
    source: { product, id: sourceId }, title: title || null, model: model || null, system_prompt: systemPrompt || null,
    created_at: createdAt === null ? null : new Date(createdAt).toISOString(), updated_at: updatedAt === null ? null : new Date(updatedAt).toISOString(),
  };
  for (let from = 0; from < messages.length; ) {
    let to = from;
    for (let size = 0; to < messages.length && to - from < MAX_MESSAGES; to += 1) {
      size += sizeOf(messages[to]) + 200;
      if (size > MAX_CHARACTERS && to > from) break;
    }
    yield { ...said, more: to < messages.length, messages: messages.slice(from, to).map(wireOf) };
    from = to;
  }
}
