"""Reads a bounded span of one partition once: the look-back of worker, watchdog and CLI."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import Message, TopicPartition

from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from schemas.generation import AttemptEnded, GenerationRecord, TokenChunk
from topics.consumer import assigned_consumer, bounds, next_batch
from topics.errors import FatalLogError, LogUnavailable, OutOfRange
from topics.generation_fold import GenerationFold
from topics.set_aside import is_set_aside
from topics.topic import Topic

_MOST = 5000


def watermarks(properties: Mapping[str, str], topic: str, partition: int, timeout_s: float = 10.0) -> tuple[int, int]:
    """(first offset held, end offset) of a partition. Raises LogUnavailable."""
    consumer = assigned_consumer(properties)
    try:
        return bounds(consumer, topic, partition, timeout_s)
    finally:
        consumer.close()


def scan(
    properties: Mapping[str, str],
    topic: str,
    partition: int,
    start: int,
    stop: int,
    *,
    timeout_s: float = 30.0,
    alive: Callable[[], None] | None = None,
) -> Iterator[Message]:
    """The records at offsets `start` (included) to `stop` (excluded), in order. Blocking: run it in a thread.

    `alive` is called twice a second at least, also while nothing comes: for a caller whose own loop waits here.
    Raises OutOfRange if the partition does not hold them all, LogUnavailable if no record comes for `timeout_s`.
    """
    if start >= stop:
        return
    consumer = assigned_consumer(properties)
    try:
        low, high = bounds(consumer, topic, partition, timeout_s)
        if start < low or stop > high:
            raise OutOfRange(topic, partition, start if start < low else stop - 1, low, high)
        consumer.assign([TopicPartition(topic, partition, start)])
        quiet_until = time.monotonic() + timeout_s
        following = start
        while True:
            try:
                batch = next_batch(consumer, _MOST, 0.5)
            except FatalLogError:
                low, high = bounds(consumer, topic, partition, timeout_s)
                if following < low:  # retention took them while we were reading
                    raise OutOfRange(topic, partition, following, low, high) from None
                raise
            if alive is not None:
                alive()
            if not batch and time.monotonic() > quiet_until:
                raise LogUnavailable(f"{topic}[{partition}] sent nothing for {timeout_s:.0f} s at offset {following}")
            for message in batch:
                offset = message.offset()
                if offset is None or offset >= stop:
                    return
                yield message
                following = offset + 1
                if following == stop:
                    return
            if batch:
                quiet_until = time.monotonic() + timeout_s
    finally:
        consumer.close()


def fold_generation(
    properties: Mapping[str, str],
    topic: Topic[GenerationRecord],
    conversation_id: str,
    generation_id: str,
    tail: Position,
    stop: int,
    *,
    timeout_s: float = 30.0,
) -> GenerationFold:
    """What token-chunks says of one generation between its `tail` and offset `stop` (excluded).

    Raises as `scan` does, and NewerRecord. Damaged records are passed over, as every reader does.
    """
    fold = GenerationFold()
    key = conversation_id.encode()
    for message in scan(properties, topic, tail.partition, tail.offset, stop, timeout_s=timeout_s):
        if message.key() != key:
            continue
        try:
            record = topic.decode(message.value())
        except UndecodableRecord:
            continue
        except NewerRecord:
            at_ms = message.timestamp()[1]
            if not is_set_aside(properties, topic, tail.partition, message.offset() or 0, at_ms):
                raise
            continue
        if generation_of(record) == generation_id:
            fold.apply(record, Position(tail.epoch, tail.partition, message.offset() or 0))
    return fold


def generation_of(record: GenerationRecord) -> str:
    """The generation a record of token-chunks belongs to."""
    return record.generation_id if isinstance(record, TokenChunk | AttemptEnded) else record.turn.generation_id
