"""Runs a processor over a range of history into a shadow topic. After an interruption it continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infra.clock import monotonic_s, now_us
from infra.crash_points import crash_point
from schemas.backfill import BackfillAdvanced, BackfillStarted, LeftAside
from schemas.codec import UndecodableRecord, decode, record_type_of
from streams.backfill.appending import Appender
from streams.backfill.backfill_log import BackfillLog, Counts
from streams.backfill.processors import Processor
from streams.backfill.reactor import Left, Unprocessable
from streams.backfill.shadow import Shadow
from topics.catalogue import SHADOW_LOG, SHADOW_RECORDS, Catalogue
from topics.cuts import Cut, format_cut
from topics.log import Log, RawRecord

MAX_REASONS = 50
_OTHERS = "other reasons"
_LAG_EVERY_S = 2.0

Report = Callable[[int, int, int], None]


def begin(
    shadow: Shadow, appender: Appender, processor: Processor, parameters: str, start: Cut, stop: Cut
) -> BackfillLog:
    """Note in the shadow's log what is to be done; returns the log, in which another's start may have come first.

    Raises LogError.
    """
    begins, ends = format_cut(start), format_cut(stop)
    envelope = shadow.envelope("BackfillStarted", f"{begins}-{ends}", now_us())
    entry = BackfillStarted(envelope, shadow.name, processor.name, parameters, begins, ends)
    appender.append(shadow.topic, SHADOW_LOG, shadow.name, entry)
    appender.settle()
    return shadow.backfill_log()


def run(
    log: Log,
    topics: Catalogue,
    shadow: Shadow,
    appender: Appender,
    processor: Processor,
    parameters: Any,
    *,
    strict: bool,
    report: Report,
    check: Callable[[], None],
) -> BackfillLog:
    """Bring the shadow to the end of its range; returns its log.

    After each batch the records are durable first, then the log says so: what a kill leaves between the two is made
    once more, with the same event ids. With `strict` a record that gives none, though it might, ends the run. `check`
    is called between batches and may raise. Raises Unprocessable, LogError.
    """
    backfill_log = shadow.backfill_log()
    tally = _Tally(backfill_log, strict)
    reached = backfill_log.reached
    done, total = 0, backfill_log.total - backfill_log.done
    lag, lag_due_s = 0, monotonic_s() + _LAG_EVERY_S
    for batch in log.read(reached, backfill_log.stop):
        for raw in batch:
            for record in tally.take(raw, processor, topics, parameters):
                appender.append(shadow.topic, SHADOW_RECORDS, processor.key(record), record)
            reached[raw.topic, raw.partition] = raw.offset + 1
        appender.settle()
        crash_point("backfill.before_log")
        _advance(shadow, appender, reached, tally)
        done += len(batch)
        if monotonic_s() >= lag_due_s:
            lag, lag_due_s = _appended_since(log, backfill_log.stop), monotonic_s() + _LAG_EVERY_S
        report(done, total, lag)
        check()
    # Gaps in the offsets hold no records: the whole range is behind.
    _advance(shadow, appender, backfill_log.stop, tally)
    return shadow.backfill_log()


class _Tally:
    """Makes records, and counts: also what an earlier run of the same backfill counted."""

    def __init__(self, backfill_log: BackfillLog, strict: bool) -> None:
        self._strict = strict
        self.read = 0 if backfill_log.advanced is None else backfill_log.advanced.read
        self.produced = 0 if backfill_log.advanced is None else backfill_log.advanced.produced
        self.left: Counts = backfill_log.left

    def take(self, raw: RawRecord, processor: Processor, topics: Catalogue, parameters: Any) -> tuple[Any, ...]:
        """What one record of history gives. Raises Unprocessable."""
        self.read += 1
        known = record_type_of(raw.value)
        if known is not None and known not in processor.record_types:
            return ()
        try:
            record = decode(raw.value)
        except UndecodableRecord:
            return self._leave(Left("records that cannot be read"), raw)
        position = topics.position(raw.topic, raw.partition, raw.offset)
        produced = processor.process(record, position, parameters)
        if isinstance(produced, Left):
            return self._leave(produced, raw)
        self.produced += len(produced)
        return produced

    def _leave(self, left: Left, raw: RawRecord) -> tuple[Any, ...]:
        reason = left.reason
        if self._strict and not left.as_due:
            raise Unprocessable(f"{reason} ({raw.topic}:{raw.partition}={raw.offset}), and --strict leaves nothing out")
        if reason not in self.left and len(self.left) >= MAX_REASONS:
            reason = _OTHERS
        self.left[reason] = self.left.get(reason, 0) + 1
        return ()


def _advance(shadow: Shadow, appender: Appender, reached: Mapping[tuple[str, int], int], tally: _Tally) -> None:
    text = format_cut(reached)
    entry = BackfillAdvanced(
        shadow.envelope("BackfillAdvanced", text, now_us()),
        shadow.name,
        text,
        tally.read,
        tally.produced,
        tuple(LeftAside(reason, count) for reason, count in sorted(tally.left.items())),
    )
    appender.append(shadow.topic, SHADOW_LOG, shadow.name, entry)
    appender.settle()


def _appended_since(log: Log, stop: Cut) -> int:
    topics: dict[str, int] = {}
    for topic, partition in stop:
        topics[topic] = max(topics.get(topic, 0), partition + 1)
    _, end = log.held(topics)
    return sum(max(0, end[place] - until) for place, until in stop.items())
