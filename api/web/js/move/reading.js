// Reads an export file of any product that is known: conversation after conversation, never all of its text at once.
// What cannot be read is counted by its kind, so that it can be said.

import { Elements } from './elements.js';
import * as chatgpt from './formats/chatgpt.js';
import * as librechat from './formats/librechat.js';
import * as openWebui from './formats/open_webui.js';
import * as verbatim from './formats/verbatim.js';
import { clean, first, idOf, isObject, MAX_TEXT, sizeOf } from './message.js';
import { Damaged, entriesOf, firstOf, isZip, piecesOf } from './zip.js';

/** Of JSON, unpacked, in one file. */
export const MAX_BYTES = 200 * 1024 * 1024;
export const MAX_CONVERSATIONS = 100_000;
const MAX_TITLE = 200;
const MAX_SYSTEM_PROMPT = 100_000;
const MAX_NAMES = 20;
const FORMATS = [verbatim, chatgpt, openWebui, librechat];
const MAIN = /(^|\/)conversations(-\d+)?\.json$/;
const JSON_FILE = /\.json$/i;

/**
 * `onFound` gets each conversation {product, sourceId, title, model, systemPrompt, createdAt, updatedAt, messages,
 * problems, names, left}; `names` are those of attachments, `left` says why it cannot be taken: empty or long; '' if it can. Returns the file's own problems
 * {kind: count}: damaged (pieces that cannot be read), cut (it ends before its end), large (longer than is read),
 * unknown (nothing that is known), newer, passed (other files in a zip).
 */
export async function read(file, onFound, onProgress = () => {}, limits = { bytes: MAX_BYTES, conversations: MAX_CONVERSATIONS }) {
  const report = new Counts();
  const budget = { ...limits };
  if (!(await isZip(file))) {
    await readJson(piecesIn(file.stream()), file.size, onFound, onProgress, report, budget);
    return report.all;
  }
  let entries;
  try {
    entries = await entriesOf(file);
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    // Its end is missing, and with it the directory.
    report.note('cut', 1);
    const one = await firstOf(file);
    entries = one ? [one] : [];
  }
  const files = entries.filter(({ name }) => !name.endsWith('/'));
  const main = files.filter(({ name }) => MAIN.test(name));
  const wanted = main.length > 0 ? main : files.filter(({ name }) => JSON_FILE.test(name));
  report.note('passed', files.length - wanted.length);
  if (wanted.length === 0 && !report.all.cut) report.note('unknown', 1);
  const total = wanted.reduce((sum, { packed }) => sum + packed, 0);
  let before = 0;
  for (const entry of wanted) {
    if (budget.bytes <= 0 || budget.conversations <= 0) {
      report.note('large', 1);
      break;
    }
    const from = before;
    await readJson(piecesOf(file, entry), entry.size, onFound, (part) => onProgress(total ? (from + part * entry.packed) / total : 1), report, budget);
    before += entry.packed;
  }
  return report.all;
}

class Counts {
  constructor() {
    this.all = {};
    this.names = [];
    this.note = (kind, count, names = []) => {
      if (count > 0) this.all[kind] = (this.all[kind] ?? 0) + count;
      for (const name of names) if (name && this.names.length < MAX_NAMES) this.names.push(first(name, MAX_TITLE));
    };
  }
}

async function* piecesIn(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function readJson(pieces, size, onFound, onProgress, report, budget) {
  const elements = new Elements();
  const decoder = new TextDecoder();
  let done = 0;
  let any = false;
  let broken = false;
  const take = (text) => {
    for (const element of elements.push(text)) {
      any = true;
      if (budget.conversations <= 0) return report.note('large', 1);
      budget.conversations -= 1;
      const found = understood(element, report);
      if (found) onFound(found);
    }
  };
  try {
    for await (const piece of pieces) {
      if (elements.done || elements.foreign) break;
      done += piece.byteLength;
      budget.bytes -= piece.byteLength;
      if (budget.bytes < 0) {
        report.note('large', 1);
        break;
      }
      take(decoder.decode(piece, { stream: true }));
      onProgress(size ? Math.min(1, done / size) : 0);
    }
    take(decoder.decode());
  } catch (error) {
    // Of a file that can no longer be read as well: it was moved, or its disk was taken away.
    if (!(error instanceof Damaged || error instanceof DOMException)) throw error;
    broken = true;
    if (!report.all.cut) report.note('damaged', 1);
  }
  report.note('long', elements.tooLong);
  if (elements.foreign || (done === 0 && !any && !broken)) report.note('unknown', 1);
  else if (elements.cut && !broken && !report.all.large && !report.all.cut) report.note('cut', 1);
}

/** The conversation in the text of an element; null where there is none that is known. */
function understood(text, report) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    report.note('damaged', 1);
    return null;
  }
  const format = isObject(value) && FORMATS.find((each) => each.isOne(value));
  if (!format) {
    report.note('unknown', 1);
    return null;
  }
  const problems = new Counts();
  try {
    const found = format.conversation(value, problems.note);
    if (!found) Object.entries(problems.all).forEach(([kind, count]) => report.note(kind, count));
    return found && finished(format.product, found, problems);
  } catch (error) {
    console.info('A conversation was not understood:', error.name);
    report.note('damaged', 1);
    return null;
  }
}

function finished(product, found, problems) {
  const now = Date.now();
  const time = (at) => {
    if (at === null || at === undefined || !Number.isFinite(at)) return null;
    if (at >= 0 && at <= now) return at;
    problems.note('times', 1);
    return null;
  };
  const messages = found.messages.map((message) => ({ ...message, at: time(message.at) }));
  const long = messages.some((message) => sizeOf(message) > MAX_TEXT);
  const prompt = found.systemPrompt.length > MAX_SYSTEM_PROMPT ? '' : found.systemPrompt;
  if (prompt !== found.systemPrompt) problems.note('kinds', 1);
  return {
    product, sourceId: idOf(found.sourceId), title: first(clean(found.title).trim(), MAX_TITLE), model: first(clean(found.model), MAX_TITLE), systemPrompt: prompt,
    createdAt: time(found.createdAt), updatedAt: time(found.updatedAt), messages, problems: problems.all, names: problems.names, left: messages.length === 0 ? 'empty' : long ? 'long' : '',
  };
}
