"""Reads the last minutes of the log, so that Pulse starts with figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.clock import monotonic_s
from projections.replay.looking_back import Check, LogSource
from projections.replay.spooling import close
from topics.catalogue import CONVERSATION_EVENTS, DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS, Catalogue
from topics.cuts import Cut, TopicPartition
from topics.log import RawRecord

MAX_RECORDS: Mapping[str, int] = {
    TOKEN_CHUNKS: 10_000,
    CONVERSATION_EVENTS: 2_000,
    GENERATION_OUTCOMES: 2_000,
    DEAD_LETTERS: 10_000,
}
"""So many of each partition are read at most; and of these topics."""
LOOK_BACK_S = 3.0
"""Others wait for the thread that reads the past: what is not read by then is not counted."""


def look_back(
    log: LogSource,
    check: Check,
    topics: Catalogue,
    stop: Mapping[TopicPartition, int],
    since_ms: int,
    take: Callable[[RawRecord], None],
) -> None:
    """Hand `take` the newest records below `stop`: dead letters, then what was appended since `since_ms`. Blocking.

    Raises LogError; and as `check`.
    """
    until_s = monotonic_s() + LOOK_BACK_S
    counts = {topic: topics[topic].partitions for topic in MAX_RECORDS}
    held, _ = log.held(counts)
    since = log.at({topic: count for topic, count in counts.items() if topic != DEAD_LETTERS}, since_ms)
    start = {place: max(held[place], since.get(place, 0), end - MAX_RECORDS[place[0]]) for place, end in stop.items()}
    letters = {place: end for place, end in stop.items() if place[0] == DEAD_LETTERS}
    for part in (letters, {place: end for place, end in stop.items() if place not in letters}):
        _read(log, check, start, part, until_s, take)


def _read(
    log: LogSource, check: Check, start: Cut, stop: Cut, until_s: float, take: Callable[[RawRecord], None]
) -> None:
    batches = log.read(start, stop)
    try:
        for batch in batches:
            for raw in batch:
                take(raw)
            check(0)
            if monotonic_s() > until_s:
                return
    finally:
        close(batches)
