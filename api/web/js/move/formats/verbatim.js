// Our own export (docs/api.md): one conversation, its messages in order. Pure.

import { isObject, listOf, namesOf, stepsOf, textOf } from '../message.js';

export const product = 'verbatim';
export const VERSION = 1;
export const isOne = (value) => value.format === 'verbatim.conversation';

const KINDS = new Set(['text', 'reasoning', 'refusal', 'tool_call', 'tool_result']);
const time = (value) => (typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? Date.parse(value) : null);

export function conversation(value, note) {
  if (value.version !== VERSION) {
    note('newer', 1);
    return null;
  }
  const there = new Set();
  const messages = [];
  for (const each of listOf(value.messages).filter(isObject)) {
    const id = textOf(each.id);
    if (!id || there.has(id)) continue;
    const told = textOf(each.parentMessageId) || null;
    if (told && !there.has(told)) note('orphans', 1);
    there.add(id);
    const parts = partsOf(each, note);
    const model = each.role === 'assistant' ? textOf(each.model) : '';
    messages.push(...stepsOf({ id, parent: there.has(told) ? told : null, role: each.role, parts, model, at: time(each.createdAt) }));
  }
  const known = messages.filter(({ role }) => ['system', 'developer', 'user', 'assistant', 'tool'].includes(role));
  if (known.length < messages.length) note('kinds', messages.length - known.length);
  return {
    sourceId: value.id, title: textOf(value.title), model: textOf(value.model), systemPrompt: textOf(value.systemPrompt),
    messages: known, createdAt: time(value.createdAt), updatedAt: time(value.updatedAt),
  };
}

function partsOf(message, note) {
  note('attachments', listOf(message.attachments).length, namesOf(message.attachments));
  const parts = listOf(message.parts).filter(isObject);
  if (parts.length === 0) return textOf(message.content) ? [{ kind: 'text', text: textOf(message.content) }] : [];
  return parts.flatMap((part) => {
    if (!KINDS.has(part.kind)) {
      note(part.kind === 'image' || part.kind === 'file' ? 'attachments' : 'kinds', 1);
      return [];
    }
    const role = textOf(part.role);
    return [{ kind: part.kind, text: textOf(part.text), callId: textOf(part.callId), name: textOf(part.name), ...(role ? { role } : {}) }];
  });
}
