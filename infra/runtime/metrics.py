"""Prometheus metrics that all processes share. No label holds a user, a key, a conversation or a prompt.

Count a batch, a retry or an end, never a token: an increment takes about a microsecond and a lock. Look labels up once,
when a module or an object is made; what was looked up is shown from then on, as 0 until it happens.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge, Histogram

from infra.clock import now_us

BUILD = Gauge("verbatim_build_info", "Always 1: what runs here.", ("process", "instance", "writes", "python"))
RECORDS = Counter("verbatim_records_handled_total", "Records that were for it, handled or parked.", ("consumer",))
BATCH = Histogram(
    "verbatim_batch_records",
    "Records that were read together.",
    ("consumer",),
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
DEAD_LETTERS = Counter("verbatim_dead_letters_total", "Records parked in dead-letters.", ("consumer",))
IN_A_ROW = Gauge("verbatim_dead_letters_in_a_row", "Parked since the last good record.", ("consumer",))
LIMIT = Gauge("verbatim_dead_letters_limit", "So many in a row end the process.", ("consumer",))
RETRIES = Counter("verbatim_retries_total", "Operations tried again because something was away.", ("operation",))
GIVEN_UP = Counter("verbatim_given_up_total", "Operations given up after their last try.", ("operation",))
BOUNDS = Counter("verbatim_bounds_reached_total", "How often a bound was reached.", ("bound",))
COMMITS = Counter("verbatim_commits_total", "Commits of offsets, by what became of them.", ("consumer", "result"))
COMMITTED_AT = Gauge("verbatim_last_commit_timestamp_seconds", "When offsets were last committed.", ("consumer",))
LAG = Gauge("verbatim_lag_records", "Records not yet committed.", ("consumer", "topic", "partition"))


def tell_build(process: str, instance: str, write_level: int) -> None:
    """Say which process this is: at its start, and when it becomes another's stand-in."""
    BUILD.clear()
    BUILD.labels(process, instance, str(write_level), platform.python_version()).set(1)


def bound(name: str) -> Callable[[], None]:
    """Counts one reach of the bound `name`, as ROOM.WHAT."""
    return BOUNDS.labels(name).inc


class ConsumerMetrics:
    """What one consumer of the log counts."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._records = RECORDS.labels(consumer)
        self._batch = BATCH.labels(consumer)
        self._letters = DEAD_LETTERS.labels(consumer)
        self._in_a_row = IN_A_ROW.labels(consumer)
        self._limit = LIMIT.labels(consumer)
        self._committed = COMMITS.labels(consumer, "taken")
        self._refused = COMMITS.labels(consumer, "refused")
        self._lagging: set[tuple[str, int]] = set()
        self._committed_at = COMMITTED_AT.labels(consumer)

    def batch(self, records: int) -> None:
        """So many records were read together."""
        self._batch.observe(records)

    def handled(self, records: int) -> None:
        """So many records that were for it were handled or parked."""
        self._records.inc(records)

    def parked(self) -> None:
        """A record went to dead-letters."""
        self._letters.inc()

    def limits(self, in_a_row: Callable[[], int], most: int) -> None:
        """`in_a_row` is asked at each look; at `most` the process ends."""
        self._limit.set(most)
        self._in_a_row.set_function(in_a_row)

    def commit(self, *, taken: bool) -> None:
        """The broker took a commit, or refused it."""
        if taken:
            self._committed.inc()
            self._committed_at.set(now_us() / 1e6)
        else:
            self._refused.inc()

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """How far each (topic, partition) that is assigned now is behind its end; others are no longer shown."""
        for topic, partition in self._lagging - behind.keys():
            LAG.remove(self._consumer, topic, str(partition))
        self._lagging = set(behind)
        for (topic, partition), records in behind.items():
            LAG.labels(self._consumer, topic, str(partition)).set(records)
