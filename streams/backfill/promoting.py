"""Promotes a shadow topic: appends its records to their target topic. Later wins, by the order of the log.

Appending them again changes nothing: the same records under the same event ids, still later than what they supersede.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.clock import now_us
from infra.crash_points import crash_point
from schemas.backfill import BackfillCompared, BackfillPromoted
from streams.backfill.appending import Appender
from streams.backfill.processors import Processor
from streams.backfill.shadow import Shadow
from topics.catalogue import SHADOW_LOG, Catalogue
from topics.cuts import Cut, format_cut

BATCH = 2000


def note_comparison(shadow: Shadow, appender: Appender, against: Cut) -> None:
    """Say in the log what the shadow was compared with. Raises LogError."""
    text = format_cut(against)
    entry = BackfillCompared(shadow.envelope("BackfillCompared", text, now_us()), shadow.name, text)
    appender.append(shadow.topic, SHADOW_LOG, shadow.name, entry)
    appender.settle()


def promote(
    shadow: Shadow,
    topics: Catalogue,
    appender: Appender,
    processor: Processor,
    offsets: Iterator[int],
    begin: int,
    *,
    total: int,
    report: Callable[[int, int, int], None],
    check: Callable[[], None],
) -> int:
    """Append the shadow's records at `offsets` (in order) from `begin` on; returns how many. The log says how far.

    After each batch the records are durable first, then the log says so. `check` is called between batches and may
    raise. Raises LogError.
    """
    end, appended = shadow.end(), 0
    wanted = next(offsets, end)
    for raw, record in shadow.records(begin, end):
        while wanted < raw.offset:
            wanted = next(offsets, end)
        if wanted == raw.offset:
            key = processor.key(record)
            appender.append(processor.target, topics.partition(processor.target, key), key, record, raw.value)
            appended += 1
        if (raw.offset + 1 - begin) % BATCH == 0:
            _settle(shadow, appender, raw.offset + 1, whole=False)
            report(raw.offset + 1 - begin, total, 0)
            check()
    _settle(shadow, appender, end, whole=True)
    return appended


def _settle(shadow: Shadow, appender: Appender, upto: int, *, whole: bool) -> None:
    appender.settle()
    crash_point("backfill.before_promoted")
    entry = BackfillPromoted(shadow.envelope("BackfillPromoted", f"{upto}/{whole}", now_us()), shadow.name, upto, whole)
    appender.append(shadow.topic, SHADOW_LOG, shadow.name, entry)
    appender.settle()
