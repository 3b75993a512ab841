// LibreChat's export: one conversation, its messages in a list with parents, or as a tree with `children`. Pure.

import { argumentsOf, isObject, listOf, namesOf, stepsOf, textOf } from '../message.js';
import { ordered } from '../tree.js';

export const product = 'librechat';
const messagesOf = (value) => value.messagesTree ?? value.messages;
export const isOne = (value) => typeof value.conversationId === 'string' && Array.isArray(messagesOf(value));

const NO_PARENT = '00000000-0000-0000-0000-000000000000';
const time = (value) => (typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? Date.parse(value) : null);

export function conversation(value, note) {
  const nodes = [];
  let newest = null;
  for (const { message, parent: above } of flat(messagesOf(value))) {
    const id = textOf(message.messageId) || `${nodes.length}`;
    const told = textOf(message.parentMessageId);
    const parent = above ?? (told && told !== NO_PARENT ? told : null);
    const at = time(message.createdAt);
    const files = [...listOf(message.files), ...listOf(message.attachments)];
    note('attachments', files.length, namesOf(files));
    const parts = message.error === true ? [] : partsOf(message, note);
    if (message.error === true) note('failed', 1);
    const role = message.isCreatedByUser === true ? 'user' : 'assistant';
    const steps = parts.length > 0 ? stepsOf({ id, parent, role, parts, model: textOf(message.model), at }) : [];
    if (steps.length === 0) nodes.push({ id, parent, message: null });
    for (const step of steps) nodes.push({ id: step.id, parent: step.parent, message: step });
    if (newest === null || (at ?? 0) >= newest.at) newest = { id, at: at ?? 0 };
  }
  const options = isObject(value.options) ? value.options : {};
  const times = nodes.map(({ message }) => message?.at).filter((at) => at !== null && at !== undefined);
  return {
    sourceId: value.conversationId, title: textOf(value.title), model: textOf(options.model), systemPrompt: textOf(options.promptPrefix) || textOf(options.system),
    messages: ordered(nodes, newest?.id, note), createdAt: times.reduce((one, other) => Math.min(one, other), Infinity), updatedAt: times.reduce((one, other) => Math.max(one, other), -Infinity),
  };
}

/** The messages of a tree, or of a list, each with the id of the one that it stands in. */
function* flat(messages) {
  const waiting = messages.filter(isObject).reverse().map((message) => ({ message, parent: null }));
  while (waiting.length > 0) {
    const each = waiting.pop();
    yield each;
    const below = listOf(each.message.children).filter(isObject).reverse();
    for (const message of below) waiting.push({ message, parent: textOf(each.message.messageId) || null });
  }
}

function partsOf(message, note) {
  const parts = listOf(message.content).filter(isObject).flatMap((part) => partOf(part, note));
  if (parts.length > 0) return parts;
  const text = textOf(message.text);
  return text.trim() ? [{ kind: 'text', text }] : [];
}

function partOf(part, note) {
  const inner = part[part.type];
  const text = textOf(isObject(inner) ? inner.value : inner);
  if (part.type === 'text') return text ? [{ kind: 'text', text }] : [];
  if (part.type === 'think') return text ? [{ kind: 'reasoning', text }] : [];
  if (part.type === 'tool_call' && isObject(inner)) {
    const call = isObject(inner.function) ? inner.function : inner;
    const callId = textOf(inner.id) || textOf(call.name) || 'call';
    const name = textOf(call.name);
    const made = { kind: 'tool_call', text: argumentsOf(call.args ?? call.arguments), callId, name };
    const output = textOf(inner.output ?? call.output);
    return output ? [made, { kind: 'tool_result', text: output, callId, name }] : [made];
  }
  note(textOf(part.type).startsWith('image') || part.type === 'video_url' || part.type === 'input_audio' ? 'attachments' : 'kinds', 1);
  return [];
}
