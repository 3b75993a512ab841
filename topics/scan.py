"""Reading a bounded span of one partition, once: how a worker, the watchdog and the CLI look back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import KafkaException, Message, TopicPartition

from schemas.codec import UndecodableRecord, decode
from schemas.envelope import Position
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, TokenChunk
from topics.consumer import assigned_consumer, next_batch
from topics.errors import LogUnavailable, OutOfRange
from topics.generation_fold import GenerationFold


def watermarks(properties: Mapping[str, str], topic: str, partition: int, timeout_s: float = 10.0) -> tuple[int, int]:
    """(first offset held, end offset) of a partition. Raises LogUnavailable."""
    consumer = assigned_consumer(properties)
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s)
        return low, high
    except KafkaException as error:
        raise LogUnavailable(f"{topic}[{partition}] does not answer: {error}") from error
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
) -> Iterator[Message]:
    """The records at offsets `start` (included) to `stop` (excluded), in order. Blocking: run it in a thread.

    Raises OutOfRange if the partition does not hold them all, LogUnavailable if no record comes for `timeout_s`.
    """
    if start >= stop:
        return
    consumer = assigned_consumer(properties)
    try:
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s)
        except KafkaException as error:
            raise LogUnavailable(f"{topic}[{partition}] does not answer: {error}") from error
        if start < low or stop > high:
            raise OutOfRange(topic, partition, start if start < low else stop - 1, low, high)
        consumer.assign([TopicPartition(topic, partition, start)])
        quiet_until = time.monotonic() + timeout_s
        while True:
            batch = next_batch(consumer, 5000, 0.5)
            if not batch and time.monotonic() > quiet_until:
                raise LogUnavailable(f"{topic}[{partition}] sent nothing for {timeout_s:.0f} s at offset {start}")
            for message in batch:
                offset = message.offset()
                if offset is None or offset >= stop:
                    return
                yield message
                if offset == stop - 1:
                    return
            if batch:
                quiet_until = time.monotonic() + timeout_s
    finally:
        consumer.close()


def fold_generation(
    properties: Mapping[str, str],
    topic: str,
    conversation_id: str,
    generation_id: str,
    tail: Position,
    stop: int,
) -> GenerationFold:
    """What token-chunks says of one generation between its `tail` and offset `stop` (excluded).

    Raises as `scan` does. Damaged records are passed over, as every reader does.
    """
    fold = GenerationFold()
    key = conversation_id.encode()
    for message in scan(properties, topic, tail.partition, tail.offset, stop):
        if message.key() != key:
            continue
        try:
            record = decode(message.value())
        except UndecodableRecord:
            continue
        if generation_of(record) == generation_id:
            fold.apply(record, Position(tail.epoch, tail.partition, message.offset() or 0))
    return fold


def generation_of(record: AttemptStarted | TokenChunk | AttemptEnded | GenerationEnded) -> str:
    """The generation a record of token-chunks belongs to."""
    if isinstance(record, TokenChunk | AttemptEnded):
        return record.generation_id
    return record.turn.generation_id
