// ChatGPT's export: conversations.json is a list of conversations, each with its tree in `mapping`. Pure.

import { argumentsOf, isObject, listOf, namesOf, textOf } from '../message.js';
import { joined, ordered } from '../tree.js';

export const product = 'chatgpt';
export const isOne = (value) => isObject(value.mapping);

/** Marks of citations and of widgets, which nothing shows outside ChatGPT. */
const MARKS = /\ue200[^\ue200\ue201]*\ue201/g;
const FILES = /(asset_pointer|attachment)$/;
/** What ChatGPT keeps for itself, and shows to nobody. */
const OWN = new Set(['reasoning_recap', 'model_editable_context', 'user_editable_context']);

export function conversation(value, note) {
  let systemPrompt = '';
  const calls = new Map();
  const nodes = Object.entries(value.mapping).filter(([, node]) => isObject(node)).map(([id, node]) => {
    const message = isObject(node.message) ? node.message : null;
    const content = isObject(message?.content) ? message.content : {};
    if (content.content_type === 'user_editable_context') systemPrompt ||= [textOf(content.user_profile), textOf(content.user_instructions)].filter(Boolean).join('\n\n');
    return { id, parent: typeof node.parent === 'string' ? node.parent : null, message: message && said(id, node.parent, message, content, value, calls, note) };
  });
  const times = { createdAt: seconds(value.create_time), updatedAt: seconds(value.update_time) };
  const messages = joined(ordered(nodes, value.current_node, note));
  return { sourceId: value.conversation_id ?? value.id ?? `${value.create_time}/${value.title}`, title: textOf(value.title), model: textOf(value.default_model_slug), systemPrompt, messages, ...times };
}

export const seconds = (value) => (typeof value === 'number' ? value * 1000 : null);

function said(id, parent, message, content, whole, calls, note) {
  const role = message.author?.role;
  const kind = content.content_type;
  const hidden = message.metadata?.is_visually_hidden_from_conversation === true;
  if (OWN.has(kind) || (role === 'system' && hidden)) return null;
  if (!['user', 'assistant', 'system', 'tool'].includes(role)) {
    note('kinds', 1);
    return null;
  }
  note('attachments', listOf(message.metadata?.attachments).length, namesOf(message.metadata?.attachments));
  const texts = textsOf(content, note).map((text) => text.replace(MARKS, '')).filter((text) => text.trim());
  const at = seconds(message.create_time);
  const model = role === 'assistant' ? textOf(message.metadata?.model_slug) || textOf(whole.default_model_slug) : '';
  if (kind === 'thoughts') return texts.length > 0 ? { role, model, at, parts: texts.map((text) => ({ kind: 'reasoning', text })) } : null;
  const text = texts.join('\n');
  if (role === 'tool') {
    const called = calls.get(parent);
    return text ? { role, model, at, parts: [{ kind: 'tool_result', text, callId: called ?? id, name: textOf(message.author.name) }] } : null;
  }
  if (!text) return null;
  const recipient = textOf(message.recipient) || 'all';
  if (role === 'assistant' && recipient !== 'all') {
    calls.set(id, id);
    return { role, model, at, parts: [{ kind: 'tool_call', text: argumentsOf(text), callId: id, name: recipient }] };
  }
  return { role, model, at, parts: [{ kind: 'text', text }] };
}

function textsOf(content, note) {
  const { content_type: kind } = content;
  if (kind === 'thoughts') return listOf(content.thoughts).filter(isObject).map((each) => textOf(each.content) || textOf(each.summary));
  if (kind === 'code') return [textOf(content.text)];
  if (kind === 'text' || kind === 'multimodal_text') {
    return listOf(content.parts).map((part) => {
      if (typeof part === 'string') return textOf(part);
      if (textOf(part?.content_type) === 'audio_transcription') return textOf(part.text);
      note(FILES.test(textOf(part?.content_type)) ? 'attachments' : 'kinds', 1);
      return '';
    });
  }
  const text = textOf(content.text) || textOf(content.result) || textOf(content.summary);
  if (!text && Object.keys(content).length > 0) note('kinds', 1);
  return [text];
}
