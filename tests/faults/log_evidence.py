"""All topics of a running stack, from the first offset held to the end, as LogRecords."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from schemas.codec import UndecodableRecord, decode
from tests.faults.evidence import Evidence, LogRecord
from tests.faults.facts import Facts
from topics.catalogue import catalogue
from topics.consumer import assigned_consumer, bounds, next_batch
from topics.errors import LogUnavailable

_MOST = 5000
_METADATA_S = 10.0


class LogReader:
    """Reads on from where it stopped, so that a log that still grows can be looked at again and again."""

    def __init__(self, properties: Mapping[str, str], timeout_s: float = 60.0) -> None:
        """`timeout_s`: how long the broker may stay silent before LogUnavailable is raised."""
        self._timeout_s = timeout_s
        self._consumer: Consumer = assigned_consumer(properties)
        self._next: dict[tuple[str, int], int] = {}
        self.records: list[LogRecord] = []

    def read_to_end(self) -> list[LogRecord]:
        """All records up to the ends as they are now, in the order of each partition. Blocking."""
        ends = self._ends()
        open_ones = {place for place, end in ends.items() if self._next[place] < end}
        if not open_ones:
            return self.records
        self._consumer.assign([TopicPartition(*place, self._next[place]) for place in sorted(open_ones)])
        quiet_until_s = time.monotonic() + self._timeout_s
        while open_ones:
            batch = next_batch(self._consumer, _MOST, 0.5)
            if batch:
                quiet_until_s = time.monotonic() + self._timeout_s
            elif time.monotonic() > quiet_until_s:
                raise LogUnavailable(f"nothing more came of {sorted(open_ones)} for {self._timeout_s:.0f} s")
            for message in batch:
                record = log_record(message)
                place = (record.topic, record.partition)
                self._next[place] = record.offset + 1
                self.records.append(record)
            open_ones = {place for place in open_ones if self._next[place] < ends[place]}
        return self.records

    def skip_to_end(self) -> None:
        """What is there now is not read: reading begins with what comes after it."""
        self._next.update(self._ends())

    def close(self) -> None:
        self._consumer.close()

    def _ends(self) -> dict[tuple[str, int], int]:
        topics = self._consumer.list_topics(timeout=_METADATA_S).topics
        ours = {spec.name for spec in catalogue()}
        ends: dict[tuple[str, int], int] = {}
        for name, topic in topics.items():
            if name not in ours and not name.startswith("generation-jobs."):
                continue
            for partition in topic.partitions:
                low, high = bounds(self._consumer, name, partition, self._timeout_s)
                self._next.setdefault((name, partition), low)
                ends[name, partition] = high
        return ends


def log_record(message: Message) -> LogRecord:
    """A record as it stands in the log; what cannot be decoded is kept as its bytes."""
    value = _bytes(message.value())
    try:
        record = decode(value)
    except UndecodableRecord:
        record = value or b""
    return LogRecord(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        (_bytes(message.key()) or b"").decode(errors="replace"),
        message.timestamp()[1] * 1000,
        record,
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def read_log(properties: Mapping[str, str], *, settle_s: float = 30.0) -> tuple[LogRecord, ...]:
    """The whole log once it is at rest, see `at_rest`. Raises LogUnavailable."""
    return at_rest(LogReader(properties), settle_s=settle_s)


def at_rest(reader: LogReader, *, settle_s: float) -> tuple[LogRecord, ...]:
    """What a reader reads, once every ended generation in it has its outcome and every outcome its bill; closes it.

    Waits for that at most `settle_s`; then it returns what there is, and the checker says what is missing. Raises
    LogUnavailable.
    """
    until_s = time.monotonic() + settle_s
    try:
        while True:
            facts = Facts(Evidence((), tuple(reader.read_to_end()), ()))
            rests = all(name in facts.outcomes for name in facts.commands) and set(facts.outcomes) <= set(facts.usage)
            if rests or time.monotonic() > until_s:
                return tuple(facts.log)
            time.sleep(0.5)
    finally:
        reader.close()
