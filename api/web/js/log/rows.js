// From events to the rows that are shown: a heading for each turn, the chunks of an attempt as one row.

import { t } from '../words.js';

export const CHUNK = 'TokenChunk';
export const COMMANDS = ['PromptSubmitted', 'RegenerateRequested'];
const searched = new WeakMap();

/** How many events there are of each type, by name. */
export function typesOf(events) {
  const found = new Map();
  for (const { type } of events) found.set(type, (found.get(type) ?? 0) + 1);
  return [...found].sort(([a], [b]) => a.localeCompare(b));
}

/**
 * Rows oldest first: {kind: 'turn', key, generationId, atMs}, {kind: 'event', key, event, since, first, last} and
 * {kind: 'run', key, chunks, since, first, last}. `since`: milliseconds after the event before, null for the oldest.
 * `first`, `last`: places among `events`. `filter`: {type, text}, '' for all.
 */
export function rowsOf(events, filter) {
  const rows = [];
  const runs = new Map();
  const turns = new Set();
  const text = filter.text.trim().toLowerCase();
  events.forEach((event, at) => {
    if (filter.type && event.type !== filter.type) return;
    const chunk = event.type === CHUNK;
    // The text of a run may be split anywhere, so a run is looked through as a whole below.
    if (text && !chunk && !matches(event, text)) return;
    const since = at === 0 ? null : event.atMs - events[at - 1].atMs;
    if (event.generationId && !turns.has(event.generationId)) {
      turns.add(event.generationId);
      rows.push({ kind: 'turn', key: `turn/${event.generationId}`, generationId: event.generationId, atMs: event.atMs });
    }
    if (!chunk) return void rows.push({ kind: 'event', key: event.key, event, since, first: at, last: at });
    // Those of answers that are given side by side lie among each other.
    const key = `run/${event.generationId}/${event.payload?.attemptId}`;
    const run = runs.get(key);
    if (run) {
      run.chunks.push(event);
      run.last = at;
    } else {
      const made = { kind: 'run', key, chunks: [event], since, first: at, last: at };
      runs.set(key, made);
      rows.push(made);
    }
  });
  return text ? withoutEmpty(rows.filter((row) => row.kind !== 'run' || keepMatching(row, text))) : rows;
}

/** The same rows, as the objects they were in `before` where nothing that is shown has changed: those are not made anew. */
export function settled(rows, before) {
  return rows.map((row) => {
    const known = before.get(row.key);
    const same = known && known.since === row.since && known.event === row.event && known.atMs === row.atMs &&
      known.chunks?.length === row.chunks?.length && known.chunks?.[0] === row.chunks?.[0];
    return same ? Object.assign(known, { first: row.first, last: row.last }) : row;
  });
}

/** The rows that are elements: `most` of them up to the one called `endKey`, or to the newest. [from, to) as places. */
export function windowOf(rows, endKey, most) {
  const end = endKey === null ? -1 : rows.findIndex((row) => row.key === endKey);
  const to = end < 0 ? rows.length : end + 1;
  return [Math.max(0, to - most), to];
}

/** What each turn asks, by generation, as far as its command is among the events or in `asked`. */
export function promptsOf(events, asked) {
  const found = new Map();
  const note = ({ type, generationId, summary }) => found.set(generationId, type === 'PromptSubmitted' ? summary : t('log.regenerated'));
  asked.forEach(note);
  for (const event of events) if (COMMANDS.includes(event.type)) note(event);
  return found;
}

function keepMatching(run, text) {
  const some = run.chunks.filter((event) => matches(event, text));
  if (some.length > 0) run.chunks = some;
  return some.length > 0 || textOf(run.chunks).toLowerCase().includes(text);
}

/** What chunks say, with a mark where a part begins that is no text. */
export function textOf(chunks) {
  let index = 0;
  return chunks.map(({ payload }) => {
    const part = payload?.part ?? { index: 0, kind: 'text' };
    const opens = part.index !== index || (part.kind !== 'text' && payload?.seq === 1);
    index = part.index;
    const mark = opens && part.kind !== 'text' ? `[${[part.kind, part.name].filter(Boolean).join(' ')}] ` : '';
    return mark + (typeof payload?.delta === 'string' ? payload.delta : '');
  }).join('');
}

function withoutEmpty(rows) {
  return rows.filter((row, at) => row.kind !== 'turn' || (rows[at + 1] && rows[at + 1].kind !== 'turn'));
}

function matches(event, text) {
  if (!searched.has(event)) {
    const { type, topic, summary, payload } = event;
    searched.set(event, `${type} ${topic} ${summary} ${JSON.stringify(payload)}`.toLowerCase());
  }
  return searched.get(event).includes(text);
}
