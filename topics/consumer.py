"""Reads the log in batches: a blocking poll, then whatever is ready (`consume(n, 0)`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from topics.clients import open_consumer
from topics.errors import FatalLogError, LogUnavailable
from topics.reads import reading_id

OnCommit = Callable[[KafkaError | None, list[TopicPartition]], None]

LAZY_MS = 50
"""For readers of token-chunks that need no latency."""

_BASE: Mapping[str, str] = {
    "enable.auto.commit": "false",
    "enable.partition.eof": "false",
    "auto.offset.reset": "error",
    "fetch.message.max.bytes": str(9 * 1024 * 1024),
    "queued.max.messages.kbytes": "65536",
}
_REPAIRABLE = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError._MAX_POLL_EXCEEDED,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError._UNKNOWN_PARTITION,
}


def lazily(wait_ms: int | None) -> Mapping[str, str]:
    """Properties of a reader whose records may wait `wait_ms` for others; None: each comes at once.

    Every produce answers the fetch of an eager reader. A lazy one fetches once in `wait_ms`, also when nothing comes.
    """
    return {} if wait_ms is None else {"fetch.min.bytes": str(1024 * 1024), "fetch.wait.max.ms": str(wait_ms)}


def assigned_consumer(properties: Mapping[str, str], *, lazy_ms: int | None = None) -> Consumer:
    """A consumer that belongs to no group: partitions are assigned by hand, nothing is committed. `lazy_ms`: as
    `lazily`."""
    return open_consumer({**_BASE, **properties, "group.id": "verbatim-ungrouped", **lazily(lazy_ms)})


def group_consumer(
    properties: Mapping[str, str],
    group: str,
    instance: str | None,
    *,
    lazy: bool = False,
    reset: str = "earliest",
    on_commit: OnCommit | None = None,
) -> Consumer:
    """A member of a consumer group, as research "takeover" §7 found best: classic protocol, static membership.

    `properties` may carry other session and heartbeat times, for a broker that does not allow sessions this short.
    `on_commit` is told, within a poll, the results of commits that have no waiter.
    """
    member = {"group.instance.id": f"{group}-{instance}"} if instance else {}
    return open_consumer(
        {
            **_BASE,
            "session.timeout.ms": "3000",
            "heartbeat.interval.ms": "500",
            **properties,
            "client.id": reading_id(group),
            "group.id": group,
            "group.protocol": "classic",
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.offset.reset": reset,
            **member,
            **lazily(LAZY_MS if lazy else None),
            **({"on_commit": on_commit} if on_commit is not None else {}),
        }
    )


def is_repairable(error: KafkaError) -> bool:
    """Whether an error says that the broker is away or busy, which mends itself."""
    return error.code() in _REPAIRABLE


def bounds(consumer: Consumer, topic: str, partition: int, timeout_s: float) -> tuple[int, int]:
    """(first offset held, end offset) of a partition, asked of the broker. Waits out trouble that repairs itself.

    Raises LogUnavailable if there is no answer within `timeout_s`.
    """
    until_s = time.monotonic() + timeout_s
    while True:
        left_s = max(until_s - time.monotonic(), 0.1)
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=left_s)
            return low, high
        except KafkaException as error:
            if not is_repairable(error.args[0]) or time.monotonic() >= until_s:
                raise LogUnavailable(f"{topic}[{partition}] does not answer: {error}") from error
            time.sleep(0.1)


def next_batch(consumer: Consumer, most: int, wait_s: float) -> list[Message]:
    """Up to `most` records, as soon as there is one; [] after `wait_s` without any.

    Broker trouble that repairs itself is passed over. Raises FatalLogError for what does not.
    """
    first = consumer.poll(wait_s)
    if first is None:
        return []
    batch = [first, *consumer.consume(most - 1, 0)] if first.error() is None else [first]
    good = []
    for message in batch:
        error = message.error()
        if error is None:
            good.append(message)
        elif error.fatal() or not is_repairable(error):
            raise FatalLogError(f"reading the log failed: {error.str()}")
    return good
