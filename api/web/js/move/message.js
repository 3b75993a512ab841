// Messages on their way from a file to the server: of parts, in steps, with what the server takes and no more. Pure.

export const MAX_PARTS = 200;
export const MAX_TEXT = 1_300_000;
const MAX_ID = 200;

/** Text that can be sent: half a character is shown as what it is. */
export const clean = (text) => (text.toWellFormed ? text.toWellFormed() : text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd'));
export const textOf = (value) => (typeof value === 'string' ? clean(value) : '');
export const listOf = (value) => (Array.isArray(value) ? value : []);
/** What files are called. */
export const namesOf = (files) => listOf(files).map((file) => textOf(file?.name) || textOf(file?.filename));
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
export const first = (text, most) => (text.length <= most ? text : [...text.slice(0, 2 * most)].slice(0, most).join(''));

/** An id as the server takes it: the same text always gives the same. */
export function idOf(value) {
  const text = clean(String(value ?? ''));
  if (text.length > 0 && text.length <= MAX_ID) return text;
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < text.length; at += 1) hash = ((hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n) & 0xffffffffffffffffn;
  return `${first(text, 100)}#${hash.toString(16)}`;
}

/** Arguments as JSON: what is none becomes the value of `input`. */
export function argumentsOf(value) {
  if (isObject(value)) return clean(JSON.stringify(value));
  const text = textOf(value);
  try {
    if (isObject(JSON.parse(text))) return text;
  } catch {
    // Code, or a question: it is no JSON.
  }
  return JSON.stringify({ input: text });
}

/**
 * A message of parts as the steps that it took: an answer up to its calls, their results, the answer that goes on. The
 * last has the message's id, those before it ids of their own.
 */
export function stepsOf({ id, parent, role, parts, model = '', at = null }) {
  const steps = [];
  for (const part of parts) {
    const own = part.role ?? (part.kind === 'tool_result' ? 'tool' : role);
    const last = steps.at(-1);
    if (last?.role === own && last.parts.length < MAX_PARTS) last.parts.push(part);
    else steps.push({ role: own, parts: [part] });
  }
  if (steps.length === 0) steps.push({ role, parts: [] });
  return steps.map((step, n) => ({
    ...step, model: step.role === 'assistant' ? model : '', at, id: n === steps.length - 1 ? id : `${id}#${n}`, parent: n === 0 ? parent : `${id}#${n - 1}`,
  }));
}

/** The same as the server takes it. */
export function wireOf({ id, parent, role, parts, model, at }) {
  const shown = parts.map(({ kind, text, callId, name }) => ({ kind, text, ...(callId ? { call_id: first(callId, MAX_ID) } : {}), ...(name ? { name: first(name, MAX_ID) } : {}) }));
  const plain = shown.length === 0 || (shown.length === 1 && shown[0].kind === 'text');
  return {
    id: idOf(id), parent: parent === null ? null : idOf(parent), role,
    ...(plain ? { content: shown[0]?.text ?? '' } : { parts: shown }),
    ...(model ? { model: first(clean(model), MAX_ID) } : {}),
    ...(at === null ? {} : { created_at: new Date(at).toISOString() }),
  };
}

export const sizeOf = (message) => message.parts.reduce((sum, { text }) => sum + text.length, 0);
