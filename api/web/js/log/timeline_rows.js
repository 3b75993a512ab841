// A turn's timeline as rows and places along one scale. Pure.

import { count, money } from '../format.js';
import { t, tOr } from '../words.js';
import { duration, inWords } from './units.js';

const PLAIN = new Set(['model', 'worker', 'serviceClass']);
const WORDS = new Set(['decision', 'how', 'outcome']);
const BAD = new Set(['crashed', 'failed', 'expired']);

/**
 * {totalMs, running, rows, chunks}. A row: {key, label, detail, fromMs, toMs, tone, mark, since, event}: it lasts from
 * fromMs to toMs since the turn began; `since`: after the row before; `tone`: 'point', 'attempt' or 'crashed';
 * `mark`: when an attempt's first token came. `heardMs`: the turn is known to have lasted so long.
 */
export function timelineRows({ stages, attempts, chunks }, heardMs = 0) {
  const startMs = stages.length ? Date.parse(stages[0].at) - stages[0].sinceStartMs : 0;
  const since = (iso) => (iso ? Date.parse(iso) - startMs : null);
  const running = !stages.some((each) => each.stage === 'ended' || each.stage === 'stored');
  const known = [...stages.map((each) => each.sinceStartMs), ...attempts.map((each) => since(each.endedAt) ?? 0), ...chunks.slice(-1).map((each) => each[1])];
  const totalMs = Math.max(1, running ? heardMs : 0, ...known);
  let before = 0;
  const rows = [];
  for (const stage of stages) {
    const at = stage.sinceStartMs;
    const attempt = stage.stage === 'attempt' ? attempts.find((each) => each.number === stage.detail.number) : null;
    const row = { key: `${stage.topic}/${stage.partition}/${stage.offset}/${stage.stage}`, event: `${stage.topic}/${stage.partition}/${stage.offset}`, since: at - before };
    rows.push(attempt
      ? { ...row, ...ofAttempt(attempt, since, running ? totalMs : at) }
      : { ...row, label: inWords(stage.stage), detail: detailOf(stage.detail), fromMs: before, toMs: at, tone: isBad(stage) ? 'bad' : 'point', mark: null });
    before = Math.max(before, at);
  }
  return { totalMs, running, rows, startMs, chunks };
}

/** The timeline with the chunks of a running turn that came since it was read; `events`: those of the turn. */
export function withLive(timeline, events) {
  const attempt = timeline.attempts.at(-1);
  if (!attempt || attempt.end !== null) return timeline;
  const startMs = Date.parse(timeline.stages[0].at) - timeline.stages[0].sinceStartMs;
  const chunks = [...timeline.chunks];
  let heard = attempt;
  for (const { type, payload, atMs, time } of events) {
    if (type !== 'TokenChunk' || payload.attemptId !== attempt.attemptId || payload.seq !== (chunks.at(-1)?.[0] ?? 0) + 1) continue;
    chunks.push([payload.seq, atMs - startMs, [...String(payload.delta)].length]);
    heard = { ...heard, firstSeq: heard.firstSeq ?? payload.seq, firstTokenAt: heard.firstTokenAt ?? time, lastSeq: payload.seq };
  }
  return { ...timeline, chunks, attempts: [...timeline.attempts.slice(0, -1), heard] };
}

const isBad = ({ detail }) => BAD.has(detail?.how) || detail?.outcome === 'GenerationFailed' || detail?.decision === 'block';

function ofAttempt(attempt, since, openEndMs) {
  const fromMs = since(attempt.startedAt);
  const toMs = since(attempt.endedAt) ?? Math.max(openEndMs, since(attempt.firstTokenAt) ?? 0);
  const end = tOr(`log.end-${attempt.end ?? 'running'}`, inWords(String(attempt.end)));
  const seqs = attempt.firstSeq === null ? t('log.no-chunk') : t('log.chunks', { first: attempt.firstSeq, last: attempt.lastSeq });
  return {
    label: t('log.attempt-number', { number: attempt.number }),
    detail: `${end} · ${duration(toMs - fromMs)} · ${seqs} · ${attempt.worker}`,
    fromMs,
    toMs,
    tone: BAD.has(attempt.end) ? 'crashed' : 'attempt',
    mark: since(attempt.firstTokenAt),
  };
}

/** What is worth telling of a stage, also of one that is not known here. */
function detailOf(detail) {
  const { costMicros, currency, ...rest } = detail ?? {};
  const told = Object.entries(rest).filter(([, value]) => value !== null && value !== '' && typeof value !== 'object')
    .map(([name, value]) => (PLAIN.has(name) ? String(value) : WORDS.has(name) ? inWords(String(value)) : `${tOr(`log.of-${name}`, inWords(name).toLowerCase())} ${typeof value === 'number' ? count(value) : value}`));
  if (costMicros !== undefined) told.unshift(money(costMicros / 1_000_000, currency));
  return told.join(' · ');
}

/** How many characters came in each of `bins` equal parts of the time. */
export function densityOf(chunks, totalMs, bins) {
  const found = new Array(bins).fill(0);
  for (const [, ms, characters] of chunks) found[Math.min(bins - 1, Math.floor((ms / totalMs) * bins))] += characters;
  return found;
}
