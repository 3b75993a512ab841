"""`replay dlq park`: sets one record aside, with a dead letter for each consumer of its topic."""

from __future__ import annotations

import getpass
import re

from infra.cli.producing import producer_of
from infra.cli.replay.dlq_retry import consumers_of, topics_of
from infra.cli.replay.dlq_work import Letters, models_of
from infra.cli.terminal import UserError, one_line
from topics.catalogue import DEAD_LETTERS
from topics.dead_letters import dead_letter_of, letter_key
from topics.log import RawRecord
from topics.producer import LogProducer
from topics.set_aside import SetAside

_PLACE = re.compile(r"([A-Za-z0-9._-]{1,249}):([0-9]{1,9})@([0-9]{1,18})")


def parse_place(text: str) -> tuple[str, int, int]:
    """Topic, partition and offset. Raises UserError."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise UserError(f"{one_line(text)[:80]!r} is not a place: use topic:partition@offset, as in token-chunks:0@12")
    return found[1], int(found[2]), int(found[3])


async def set_aside(letters: Letters, topic: str, partition: int, offset: int) -> list[str]:
    """Write the letters; returns the consumers that pass over the record from now on.

    Raises UserError for a record that is not there or that no consumer reads, LogError.
    """
    there = letters.log.topics()
    if partition >= there.get(topic, 0):
        raise UserError(f"the log has no {topic}:{partition}")
    first, end = letters.log.held({topic: there[topic]})
    place = topic, partition
    if not first[place] <= offset < end[place]:
        raise UserError(f"{topic}:{partition} holds {first[place]} to {end[place] - 1}, and not {offset}")
    settings = letters.settings
    models = models_of(settings)
    consumers = consumers_of(topic, settings)
    if not consumers:
        raise UserError(f"no consumer reads {topic}")
    raw = letters.raw(topic, partition, offset)
    producer = producer_of(settings, topics_of(settings, models), client_id="verbatim-dlq")
    await producer.start()
    try:
        for consumer in consumers:
            await _write(producer, raw, consumer)
    finally:
        await producer.aclose()
    return consumers


async def _write(producer: LogProducer, raw: RawRecord, consumer: str) -> None:
    letter = dead_letter_of(
        raw.topic,
        raw.partition,
        raw.offset,
        raw.key,
        raw.value,
        [],
        consumer=consumer,
        error=SetAside(f"an operator ({getpass.getuser()}) set it aside"),
        at_us=raw.timestamp_ms * 1000,
    )
    await producer.send(DEAD_LETTERS, letter_key(raw.key), letter)
