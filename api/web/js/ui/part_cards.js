// What is shown of an answer's parts that are no text: what a model thinks, folded once it is over; calls of tools, their
// results, pictures and files as cards. Each has push(text), end() and close().

import { get } from '../api.js';
import { emptyCodeBlock } from '../code.js';
import { highlight } from '../highlight.js';
import { bytes } from '../log/units.js';
import { charactersOf } from '../said.js';
import { BlockStreamer } from '../stream.js';
import { oneLine, piecesOf, visible } from '../text.js';
import { t } from '../words.js';
import { prettyJson } from './pretty.js';

const LONG = 700;
const LONG_LINES = 14;
const VERY_LONG = 50_000;
const FLUSH_EVERY_MS = 30;

/** `whole`: there is no more of it to come. `answer`: {id, parts} that it is of, or null. */
export function cardOf(part, { place, whole, answer, onShown }) {
  if (part.kind === 'reasoning') return new Thoughts(part, { place, whole, answer, onShown });
  if (part.kind === 'tool_call') return new Code(part, { place, whole, title: t('part.call'), name: part.name, testid: 'tool-call', onShown });
  if (part.kind === 'tool_result') return new Code(part, { place, whole, title: t('part.result'), name: part.name ?? '', testid: 'tool-result', onShown });
  if (part.sha256) return fileNote(part, place);
  return new Code(part, { place, whole, title: inWords(part.role ?? part.kind), name: '', testid: 'other-part', onShown });
}

class Thoughts {
  constructor(part, { place, whole, answer, onShown }) {
    this.part = part;
    this.answer = answer;
    this.touched = false;
    this.box = folding(place, 'thoughts', 'reasoning');
    this.name = this.box.summary.appendChild(element('span', 'part-name'));
    this.body = this.box.details.appendChild(element('div', 'prose thought'));
    this.streamer = null;
    this.onShown = onShown;
    this.written = '';
    this.box.summary.addEventListener('click', () => (this.touched = true));
    this.box.details.addEventListener('toggle', () => this.box.details.open && this.opened());
    this.over = whole;
    this.box.details.open = !whole;
    this.name.textContent = t(whole ? 'thought.done' : 'thought.now');
    if (!whole) this.streamer = new BlockStreamer(this.body, onShown);
  }

  push(text) {
    if (this.streamer) this.streamer.push(text);
    else this.written += text;
  }

  end() {
    this.streamer?.end();
    this.over = true;
    if (!this.touched) this.box.details.open = false;
    const { beganMs, lastMs } = this.part;
    this.told(beganMs === undefined ? null : lastMs - beganMs);
  }

  close() {
    this.streamer?.close();
  }

  /** What was folded from the beginning is rendered when somebody looks, and says then how long it took. */
  async opened() {
    if (!this.over) return;
    if (!this.streamer) {
      this.streamer = new BlockStreamer(this.body, this.onShown);
      this.streamer.push(this.written);
      this.streamer.end();
    }
    if (this.lasted !== null || !this.answer?.id) return;
    const timeline = await get(`/api/v1/generations/${encodeURIComponent(this.answer.id)}/timeline`).catch(() => null);
    if (timeline) this.told(lastedMs(timeline.chunks, this.answer.parts, this.part));
  }

  told(ms) {
    this.lasted = ms;
    this.name.textContent = ms === null ? t('thought.done') : thoughtFor(ms);
  }
}

/** A part as code: pretty if it is JSON, else as it was written. Folded if it is long. */
class Code {
  constructor(part, { place, whole, title, name, testid, onShown }) {
    this.part = part;
    this.onShown = onShown;
    this.touched = false;
    this.waiting = '';
    this.frame = 0;
    this.shownAt = 0;
    this.box = folding(place, 'card', testid);
    this.box.summary.append(element('span', 'part-name', title));
    if (name) this.box.summary.append(element('code', 'part-tool', oneLine(name)));
    this.box.summary.addEventListener('click', () => (this.touched = true));
    this.box.details.open = !whole;
    this.text = document.createTextNode('');
    if (whole) return;
    const { block, code } = emptyCodeBlock('json');
    code.append(this.text);
    this.box.details.append(block);
  }

  push(text) {
    this.waiting += text;
    this.frame ||= requestAnimationFrame((now) => this.onFrame(now));
  }

  onFrame(now) {
    this.frame = 0;
    if (now - this.shownAt < FLUSH_EVERY_MS) {
      this.frame = requestAnimationFrame((later) => this.onFrame(later));
      return;
    }
    this.shownAt = now;
    if (this.text.length < VERY_LONG) this.text.appendData(visible(this.waiting));
    this.waiting = '';
    this.onShown();
  }

  end() {
    this.close();
    this.box.details.querySelector('.code-block, .note')?.remove();
    const written = this.part.text;
    if (!written.trim()) {
      this.box.details.append(element('p', 'note', t('part.empty')));
      return;
    }
    const pretty = prettyJson(written);
    const shown = visible(pretty ?? written);
    const { block, code } = emptyCodeBlock(pretty === null ? 'text' : 'json');
    if (shown.length > VERY_LONG) code.append(...piecesOf(shown).map((piece) => element('span', 'long-part', piece)));
    else code.textContent = shown;
    this.box.details.append(block);
    if (pretty !== null) highlight(code, 'json');
    if (!this.touched) this.box.details.open = shown.length <= LONG && shown.split('\n', LONG_LINES + 1).length <= LONG_LINES;
    this.onShown();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }
}

function fileNote(part, place) {
  const said = [t(part.kind === 'image' ? 'part.picture' : 'part.file'), part.name, part.mediaType, bytes(part.sizeBytes ?? 0)];
  const note = element('p', 'note file-part', oneLine(said.filter(Boolean).join(' · ')));
  note.dataset.testid = 'file-part';
  place.append(note);
  return { push() {}, end() {}, close() {} };
}

function folding(place, className, testid) {
  const details = element('details', `part-box ${className}`);
  details.dataset.testid = testid;
  const summary = element('summary', '');
  details.append(summary);
  place.append(details);
  return { details, summary };
}

/**
 * From the first to the last chunk of a part, in milliseconds; null if they do not say. `chunks`: [[seq, ms, characters],
 * …] of an answer, `parts`: all of its parts. Pure.
 */
export function lastedMs(chunks, parts, part) {
  const before = parts.slice(0, parts.indexOf(part)).reduce((sum, each) => sum + charactersOf(each), 0);
  const after = before + charactersOf(part);
  let end = 0;
  let [first, last] = [null, null];
  for (const [, ms, characters] of chunks) {
    const begin = end;
    end += characters;
    if (begin >= after) break;
    if (end <= before) continue;
    first ??= ms;
    last = ms;
  }
  return first === null ? null : last - first;
}

function thoughtFor(ms) {
  const s = Math.round(ms / 1000);
  if (s < 1) return t('thought.moment');
  return s < 60 ? t('thought.seconds', { seconds: s }) : t('thought.minutes', { minutes: Math.floor(s / 60), seconds: s % 60 });
}

const inWords = (name) => oneLine(name.replaceAll('_', ' ')).replace(/^./, (letter) => letter.toUpperCase());

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
