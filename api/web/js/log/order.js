// The order of events as they come live: those of two partitions come as they arrive, an attempt before its verdict. Pure.

import { cutWith } from './branch.js';

const CAUSES_FIRST = ['conversation-events', 'moderation-verdicts', 'generation-jobs', 'token-chunks', 'generation-outcomes', 'usage-records'];
const MOST_LATE = 500;

/** Compares two events: by the log's time, and in one millisecond what causes comes before what it causes. */
export const inTime = (a, b) => a.atMs - b.atMs || rank(a) - rank(b);

const rank = ({ topic }) => CAUSES_FIRST.findIndex((name) => topic.startsWith(name));

/** Puts an event in its place among `events`, and gives it and those after it their cuts. Returns the last one's. */
export function insert(events, event, asOf) {
  let at = events.length;
  while (at > 1 && events.length - at < MOST_LATE && inTime(event, events[at - 1]) < 0) at -= 1;
  let cut = at > 0 ? events[at - 1].asOf : asOf;
  events.splice(at, 0, event);
  for (const each of events.slice(at)) each.asOf = cut = cutWith(cut, each);
  return cut;
}
