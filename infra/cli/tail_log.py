"""Follows some partitions of a topic for a reader."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.cli.tail_lines import Seen
from infra.cli.tail_start import Beginning, End, Start
from infra.cli.terminal import UserError, one_line
from topics.catalogue import catalogue
from topics.consumer import assigned_consumer, next_batch
from topics.epochs import BadSeams, Layout, marks_in, seams_of, without_marks

ANSWER_TIMEOUT_S = 10.0
QUIET_S = 0.25
_JOBS_PREFIX = "generation-jobs."
_MOST = 500


@dataclass(frozen=True, slots=True)
class Follow:
    """What to follow. `conversation`: only the partition it lives in, where that can be told."""

    topic: str
    start: Start
    conversation: str | None


def follow(properties: Mapping[str, str], wanted: Follow) -> Generator[list[Seen]]:
    """The records as they come, in batches; [] every QUIET_S while nothing comes. Never ends by itself.

    Raises UserError for an unknown topic and a broker that does not answer, FatalLogError.
    """
    # librdkafka's own remarks on stderr would mix with ours.
    consumer = assigned_consumer({**properties, "log_level": "0"})
    try:
        try:
            partitions = _partitions(consumer, wanted)
            first = _first_offsets(consumer, wanted, partitions)
        except KafkaException as error:
            raise UserError(
                f"the broker at {properties.get('bootstrap.servers')} does not answer: "
                f"{one_line(error.args[0].str())}. See ./verbatim status"
            ) from None
        except BadSeams as error:
            raise UserError(str(error)) from None
        consumer.assign([TopicPartition(wanted.topic, p, first[p]) for p in partitions])
        while True:
            yield [_seen(message) for message in next_batch(consumer, _MOST, QUIET_S)]
    finally:
        consumer.close()


def _partitions(consumer: Consumer, wanted: Follow) -> list[int]:
    ours = catalogue().specs
    found = consumer.list_topics(timeout=ANSWER_TIMEOUT_S).topics
    there = without_marks({name: len(topic.partitions) for name, topic in found.items()})
    known = sorted(name for name in there if name in ours or name.startswith(_JOBS_PREFIX))
    if wanted.topic not in known:
        named = ", ".join(known) if known else "none yet"
        raise UserError(f"there is no topic {one_line(wanted.topic)[:100]!r}. The topics are: {named}")
    partitions = sorted(found[wanted.topic].partitions)
    by_conversation = wanted.topic not in ours or ours[wanted.topic].key == "conversation_id"
    if wanted.conversation is not None and by_conversation:
        seams = seams_of(wanted.topic, marks_in(found), len(partitions))
        return list(Layout(len(partitions), seams).partitions_of(wanted.conversation))
    return partitions


def _first_offsets(consumer: Consumer, wanted: Follow, partitions: list[int]) -> dict[int, int]:
    """Where to begin in each partition."""
    first = {}
    for partition in partitions:
        place = TopicPartition(wanted.topic, partition)
        low, end = consumer.get_watermark_offsets(place, timeout=ANSWER_TIMEOUT_S)
        first[partition] = low if isinstance(wanted.start, Beginning) else end
    if not isinstance(wanted.start, Beginning | End):
        times = [TopicPartition(wanted.topic, p, wanted.start.at_ms) for p in partitions]
        for found in consumer.offsets_for_times(times, timeout=ANSWER_TIMEOUT_S):
            # A negative offset says that nothing is as new as that: begin at the end.
            if found.offset >= 0:
                first[found.partition] = found.offset
    return first


def _seen(message: Message) -> Seen:
    return Seen(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
    )
