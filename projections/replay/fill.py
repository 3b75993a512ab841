"""The batch shell: folds a span of the log into the tables of some versions, at the store's speed.

Every record becomes the very changes the live projector makes of it, so it does not matter which of the two writes
them, how often, or in which order. Progress stands in the watermarks, after the data: a killed run continues there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from infra.cassandra.session import CassandraSession
from infra.clock import monotonic_s
from infra.crash_points import crash_point
from projections.order import order_key, place
from projections.registry import RECORDS, Projection, folded
from projections.replay.bulk import BulkWriter
from projections.replay.folding import Parked
from projections.replay.spooling import Read, Stop
from projections.rows import RowChange
from projections.watermarks import REBUILD, WATERMARKS, watermark_rows
from schemas.codec import UndecodableRecord, decode, record_type_of
from topics.catalogue import Catalogue
from topics.cuts import Cut, TopicPartition
from topics.log import RawRecord

WINDOW_BYTES = 4 * 1024 * 1024
WINDOW_RECORDS = 5000
# A slow writer's windows are smaller, so that progress is noted and the pace looked at about once a second.
_ROWS_A_RECORD = 4
PROGRESS_EVERY_S = 1.0
MAX_PARKED_SHOWN = 100


@dataclass(slots=True)
class Filled:
    """What a fill did. `parked`: the first of the records (`parked_count` in all) that no row could be made of; the
    live projector has them in dead-letters."""

    records: int = 0
    changes: int = 0
    parked_count: int = 0
    parked: list[Parked] = field(default_factory=list)


class Fill:
    """Fills versions from one pass over the log. For a thread beside the session's loop."""

    def __init__(self, projections: tuple[Projection, ...], topics: Catalogue, writer: BulkWriter) -> None:
        self._projections = projections
        self._by_topic = {
            topic: tuple(p for p in projections if topic in p.topics)
            for topic in {topic for p in projections for topic in p.topics}
        }
        self._topics = topics
        self._writer = writer
        self._durable: dict[TopicPartition, int] = {}
        self._progress_due_s = monotonic_s() + PROGRESS_EVERY_S
        self.filled = Filled()

    def run(self, read: Read, start: Cut, stop_at: Cut, *, report: Callable[[int], None], stop: Stop) -> Filled:
        """Write everything from `start` to `stop_at`; `report` is called with the records written so far.

        Raises what `read` and BulkWriter raise, and what `stop` does; of what was durable a second may come again.
        """
        changes: list[tuple[int, RowChange]] = []
        reached: dict[TopicPartition, int] = {}
        records = size = 0
        most = self._window_records()
        for batch in read(start, stop_at):
            stop.check()
            for raw in batch:
                changes += self._changes(raw)
                reached[raw.topic, raw.partition] = raw.offset + 1
                records += 1
                size += len(raw.value or b"")
                if size >= WINDOW_BYTES or records >= most:
                    self._write(changes, reached)
                    changes, reached = [], {}
                    report(self.filled.records)
                    records = size = 0
                    most = self._window_records()
        self._write(changes, reached)
        self._writer.flush()
        self._write_progress()
        self._writer.flush()
        report(self.filled.records)
        return self.filled

    def _window_records(self) -> int:
        rate = self._writer.max_rate
        return WINDOW_RECORDS if rate is None else min(WINDOW_RECORDS, rate // _ROWS_A_RECORD + 1)

    def _changes(self, raw: RawRecord) -> list[tuple[int, RowChange]]:
        filled = self.filled
        filled.records += 1
        record_type = record_type_of(raw.value)
        if record_type is not None and record_type not in RECORDS[raw.topic]:
            self._park(raw, f"a {record_type.__name__} has no place in {raw.topic}")
            return []
        try:
            record = decode(raw.value)
        except UndecodableRecord as error:
            self._park(raw, str(error))
            return []
        position = self._topics.position(raw.topic, raw.partition, raw.offset)
        changes, refused = folded(self._by_topic[raw.topic], record, position)
        if refused is not None:
            self._park(raw, str(refused))
        filled.changes += len(changes)
        return changes

    def _park(self, raw: RawRecord, reason: str) -> None:
        self.filled.parked_count += 1
        if len(self.filled.parked) < MAX_PARKED_SHOWN:
            self.filled.parked.append(Parked(raw.topic, raw.partition, raw.offset, reason))

    def _write(self, changes: list[tuple[int, RowChange]], reached: dict[TopicPartition, int]) -> None:
        self._writer.write(changes, lambda: self._durable.update(reached))
        if monotonic_s() >= self._progress_due_s:
            self._write_progress()
        crash_point("rebuild.mid_fill")

    def _write_progress(self) -> None:
        durable, self._durable = self._durable, {}
        keys = {
            (topic, partition): order_key(self._topics.position(topic, partition, offset))
            for (topic, partition), offset in durable.items()
        }
        self._writer.write([(0, row) for row in watermark_rows(self._projections, keys, REBUILD)], _nothing)
        self._progress_due_s = monotonic_s() + PROGRESS_EVERY_S


def _nothing() -> None:
    """Progress is written without waiting."""


async def watermarks(
    session: CassandraSession, keyspace: str, scope: str, projection: str, version: int
) -> dict[TopicPartition, int]:
    """The offsets that a version has reached in a scope. Raises StoreUnavailable, StoreRefused."""
    statement = await session.prepare(
        f"SELECT topic, partition, next FROM {keyspace}.{WATERMARKS.name}"  # noqa: S608 - a checked setting
        " WHERE scope = ? AND projection = ? AND version = ?"
    )
    rows = await session.execute(statement, (scope, projection, version))
    return {(topic, partition): place(key)[1] for topic, partition, key in rows}


def least(cuts: list[dict[TopicPartition, int]], at: TopicPartition) -> int:
    """The least offset of a place that any of several progresses has reached: there all of them go on."""
    return min((cut.get(at, 0) for cut in cuts), default=0)
