// Reading one's own writes: what a write answered goes out again with every read, for as long as it can matter, also
// after the tab was loaded again.

import { keepPositions, keptPositions } from './kept.js';

const KEPT_MS = 60_000;
const MAX_PLACES = 16;
const MAX_GENERATIONS = 6;
const kept = keptPositions();
const places = new Map(kept.places);
const generations = new Map(kept.generations);

export function notePosition(header) {
  const until = Date.now() + KEPT_MS;
  for (const part of (header ?? '').split(',').map((each) => each.trim())) {
    const place = /^(.+\/\d+)\/(\d+)$/.exec(part);
    if (part.startsWith('generation/')) {
      generations.set(part, until);
    } else if (place) {
      const known = places.get(place[1]);
      const offset = Math.max(Number(place[2]), known?.offset ?? 0);
      places.delete(place[1]);
      places.set(place[1], { offset, until });
    }
  }
  if (header) keepPositions({ places: [...places].slice(-MAX_PLACES), generations: [...generations].slice(-MAX_GENERATIONS) });
}

export const noteGeneration = (id) => notePosition(`generation/${id}`);

export function position() {
  const now = Date.now();
  for (const [name, { until }] of places) if (until < now) places.delete(name);
  for (const [name, until] of generations) if (until < now) generations.delete(name);
  const newest = [...places].slice(-MAX_PLACES).map(([name, { offset }]) => `${name}/${offset}`);
  return [...newest, ...[...generations.keys()].slice(-MAX_GENERATIONS)].join(',');
}
