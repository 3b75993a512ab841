// Open WebUI's export: a list of chats, each with its tree in `chat.history.messages`. What a model thought and called
// stands in `output`, or, in older files, in the text as <details>. Pure.

import { argumentsOf, isObject, listOf, namesOf, stepsOf, textOf } from '../message.js';
import { ordered } from '../tree.js';
import { seconds } from './chatgpt.js';

export const product = 'open_webui';
const historyOf = (value) => (isObject(value.chat) ? value.chat : value).history;
export const isOne = (value) => isObject(historyOf(value)?.messages);

const DETAILS = /<details\b([^>]*)>\s*(?:<summary>[\s\S]*?<\/summary>)?([\s\S]*?)<\/details>\s*/g;
const ATTRIBUTE = /([\w-]+)="([^"]*)"/g;
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'", '#39': "'" };
const plain = (text) => text.replace(/&(amp|lt|gt|quot|#x27|#39);/g, (_, name) => ENTITIES[name]);

export function conversation(value, note) {
  const chat = isObject(value.chat) ? value.chat : value;
  const { history } = chat;
  const models = listOf(chat.models).filter((each) => typeof each === 'string');
  const nodes = [];
  for (const [id, node] of Object.entries(history.messages)) {
    if (!isObject(node)) continue;
    note('attachments', listOf(node.files).length, namesOf(node.files));
    const parent = typeof node.parentId === 'string' ? node.parentId : null;
    const role = ['user', 'assistant', 'system'].includes(node.role) ? node.role : null;
    if (!role) note('kinds', 1);
    const parts = role ? partsOf(node, note) : [];
    const steps = role && parts.length > 0 ? stepsOf({ id, parent, role, parts, model: textOf(node.model) || models[0], at: seconds(node.timestamp) }) : [];
    if (steps.length === 0) nodes.push({ id, parent, message: null });
    for (const step of steps) nodes.push({ id: step.id, parent: step.parent, message: step });
  }
  return {
    sourceId: value.id ?? chat.id ?? `${value.created_at ?? chat.timestamp}/${chat.title}`, title: textOf(value.title) || textOf(chat.title), model: models[0] ?? '',
    systemPrompt: textOf(chat.params?.system) || textOf(chat.system), messages: ordered(nodes, history.currentId, note),
    createdAt: seconds(value.created_at) ?? (typeof chat.timestamp === 'number' ? chat.timestamp : null), updatedAt: seconds(value.updated_at),
  };
}

function partsOf(node, note) {
  const output = listOf(node.output).filter(isObject);
  if (output.length > 0) {
    const parts = output.flatMap((item) => itemOf(item, note));
    if (parts.some(({ kind }) => kind === 'text')) return parts;
    return [...parts, ...ofText(textIn(node.content, note)).filter(({ kind }) => kind === 'text')];
  }
  return ofText(textIn(node.content, note));
}

function textIn(content, note) {
  if (!Array.isArray(content)) return textOf(content);
  return content.map((part) => {
    if (part?.type === 'text' || part?.type === 'output_text' || part?.type === 'input_text') return textOf(part.text);
    note(textOf(part?.type).includes('image') || part?.type === 'file' ? 'attachments' : 'kinds', 1);
    return '';
  }).filter(Boolean).join('\n');
}

function itemOf(item, note) {
  const callId = textOf(item.call_id) || textOf(item.id);
  if (item.type === 'reasoning') {
    const text = textIn(listOf(item.content).length > 0 ? item.content : listOf(item.summary).map((each) => ({ type: 'text', text: each?.text })), note);
    return text ? [{ kind: 'reasoning', text }] : [];
  }
  if (item.type === 'message') {
    const text = textIn(item.content, note);
    return text ? [{ kind: 'text', text }] : [];
  }
  if (item.type === 'function_call' && callId) return [{ kind: 'tool_call', text: argumentsOf(item.arguments), callId, name: textOf(item.name) }];
  if (item.type === 'function_call_output' && callId) return [{ kind: 'tool_result', text: textIn(item.output, note), callId, name: '' }];
  note('kinds', 1);
  return [];
}

/** A text with the details that stand in it as parts of their own. */
function ofText(text) {
  const parts = [];
  let from = 0;
  const takeText = (to) => {
    const between = text.slice(from, to);
    if (between.trim()) parts.push({ kind: 'text', text: between });
  };
  for (const found of text.matchAll(DETAILS)) {
    const said = Object.fromEntries([...found[1].matchAll(ATTRIBUTE)].map(([, name, value]) => [name, plain(value)]));
    if (said.type !== 'reasoning' && said.type !== 'tool_calls') continue;
    takeText(found.index);
    from = found.index + found[0].length;
    if (said.type === 'reasoning') parts.push({ kind: 'reasoning', text: plain(found[2]).replace(/^> ?/gm, '').trim() });
    else if (said.id) {
      parts.push({ kind: 'tool_call', text: argumentsOf(unquoted(said.arguments)), callId: said.id, name: said.name ?? '' });
      parts.push({ kind: 'tool_result', text: unquoted(said.result || plain(found[2]).trim()), callId: said.id, name: said.name ?? '' });
    }
  }
  takeText(text.length);
  return parts.filter((part) => part.text || part.kind !== 'reasoning');
}

/** A text that was written as a JSON string. */
function unquoted(text) {
  try {
    const value = JSON.parse(text ?? '');
    return typeof value === 'string' ? value : text;
  } catch {
    return text ?? '';
  }
}
