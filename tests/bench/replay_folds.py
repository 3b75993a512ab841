"""A whole log into folds, in one process: `python -m tests.bench.replay_folds BOOTSTRAP`, a line of JSON.

Every record of every topic is read and decoded. Those of the projections' topics go through all their folds, those of
token-chunks through GenerationFold.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.cli.replay import collect_rarely
from projections.registry import PROJECTIONS, Projection, folded
from schemas.codec import decode
from schemas.envelope import Position
from schemas.generation import AttemptEnded, TokenChunk
from topics.catalogue import TOKEN_CHUNKS, catalogue
from topics.generation_fold import GenerationFold
from topics.log import Log, RawRecord

_STEPS = 4


class Folds:
    """Everything that can be folded, of one log."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.changes = 0
        self.ended = 0
        self.most_open = 0
        self._open: dict[str, GenerationFold] = {}
        self._by_topic: dict[str, tuple[Projection, ...]] = {
            spec.name: tuple(p for p in PROJECTIONS if spec.name in p.topics) for spec in catalogue()
        }

    def take(self, batch: list[RawRecord]) -> None:
        """Fold a batch: records of any topics, each partition in its order."""
        by_topic, generation = self._by_topic, self._generation
        for raw in batch:
            record = decode(raw.value)
            if raw.topic == TOKEN_CHUNKS:
                generation(record, raw)
            elif (projections := by_topic[raw.topic]) != ():
                changes, refused = folded(projections, record, Position(0, raw.partition, raw.offset))
                if refused is not None:
                    raise refused
                self.changes += len(changes)
        topic = batch[0].topic
        if all(raw.topic == topic for raw in batch):
            self.records[topic] += len(batch)
            self.bytes[topic] += sum(len(raw.value or b"") for raw in batch)
        else:
            for raw in batch:
                self.records[raw.topic] += 1
                self.bytes[raw.topic] += len(raw.value or b"")

    def _generation(self, record: Any, raw: RawRecord) -> None:
        plain = type(record) is TokenChunk or type(record) is AttemptEnded
        generation_id = record.generation_id if plain else record.turn.generation_id
        fold = self._open.get(generation_id)
        if fold is None:
            fold = self._open[generation_id] = GenerationFold()
            self.most_open = max(self.most_open, len(self._open))
        if type(record) is TokenChunk:
            fold.apply(record)
            return
        fold.apply(record, Position(0, raw.partition, raw.offset))
        if fold.end is not None:
            del self._open[generation_id]
            self.ended += 1


def resident_mb() -> float:
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def measured(read: Callable[[], Iterator[list[RawRecord]]], total: int) -> dict[str, Any]:
    """Fold all there is: seconds, CPU, and memory at each quarter of the way."""
    folds, done = Folds(), 0
    memory: list[int] = []
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    for batch in read():
        folds.take(batch)
        done += len(batch)
        if done * _STEPS >= total * (len(memory) + 1):
            memory.append(round(resident_mb()))
    wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    return {
        "events": done,
        "seconds": round(wall_s, 2),
        "cpu_seconds": round(cpu_s, 2),
        "events_per_s": round(done / wall_s),
        "memory_mb": memory,
        "row_changes": folds.changes,
        "generations_ended": folds.ended,
        "most_open": folds.most_open,
        "records": dict(folds.records),
        "bytes": dict(folds.bytes),
    }


def main() -> None:
    collect_rarely()
    log = Log({"bootstrap.servers": sys.argv[1]})
    ours = {spec.name: spec.partitions for spec in catalogue()}
    try:
        first, end = log.held({name: count for name, count in log.topics().items() if name in ours})
        total = sum(end.values()) - sum(first.values())
        print(json.dumps(measured(lambda: log.read(first, end), total)))
    finally:
        log.close()


if __name__ == "__main__":
    main()
