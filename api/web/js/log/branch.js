// What is shown of a conversation as it was. Pure.

import { Said } from '../said.js';

/** The branch that ends in the newest of these messages, oldest first. */
export function newestBranch(messages) {
  const byId = new Map(messages.map((each) => [each.id, each]));
  const branch = [];
  const seen = new Set();
  for (let at = messages.at(-1); at && !seen.has(at.id); at = byId.get(at.parentMessageId)) {
    seen.add(at.id);
    branch.push(at);
  }
  return branch.reverse();
}

/** The offset below which a cut holds the records of a partition; 0: none of it. */
export function offsetIn(cut, topic, partition) {
  const name = `${topic}:${partition}=`;
  const part = cut.split(',').find((each) => each.startsWith(name));
  return part ? Number(part.slice(name.length)) : 0;
}

/** A cut that also holds this record. */
export function cutWith(cut, { topic, partition, offset }) {
  const name = `${topic}:${partition}=`;
  const own = `${name}${Math.max(offset + 1, offsetIn(cut, topic, partition))}`;
  return [...cut.split(',').filter((part) => part && !part.startsWith(name)), own].sort().join(',');
}

/** A cut without what only makes text come: two moments of one answer are the same conversation. */
export const withoutChunks = (cut) => cut.split(',').filter((part) => !part.startsWith('token-chunks:')).join(',');

/**
 * What a generation had said below a cut, by the rule that all readers share: a chunk counts if it is the newest attempt's
 * and the next. Null: `events` do not reach back to its first attempt.
 */
export function saidBelow(events, generationId, cut) {
  let attemptId = null;
  let number = 0;
  let last = 0;
  let index = -1;
  const said = new Said();
  for (const { generationId: owner, topic, partition, offset, type, payload } of events) {
    if (owner !== generationId || topic !== 'token-chunks' || offset >= offsetIn(cut, topic, partition)) continue;
    if (type === 'AttemptStarted' && payload.number > number) {
      if (number === 0 && payload.number !== 1) return null;
      ({ number, attemptId } = payload);
    } else if (type === 'TokenChunk') {
      if (number === 0) return null;
      if (payload.attemptId !== attemptId || payload.seq !== last + 1) continue;
      last = payload.seq;
      const part = payload.part ?? { index: 0, kind: 'text' };
      said.add(part.kind, typeof payload.delta === 'string' ? payload.delta : '', part.index === index ? null : callOf(part));
      ({ index } = part);
    }
  }
  said.end();
  return said;
}

/** What a part that begins says of itself, as Said takes it. */
export const callOf = ({ kind, callId = '', name = '' }) => (kind === 'tool_call' ? { callId, name } : null);
