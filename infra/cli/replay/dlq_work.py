"""The work of `replay dlq`: reads letters, retries records, notes the results."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from infra.cli.producing import producer_of
from infra.cli.replay.dlq_retry import CannotRetry, opened, topics_of
from infra.cli.replay.progress import Stop
from infra.cli.terminal import UserError
from infra.clock import now_us
from infra.models.catalogue import ModelCatalogue
from infra.models.spec import ModelsFileError
from infra.settings import Settings
from schemas import ids
from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.dead_letter import DeadLetter, DeadLetterResolved
from schemas.envelope import Envelope, Position
from streams.faust.retrying import Again, NotTaken, Original, StillPoison
from topics.catalogue import DEAD_LETTERS, catalogue
from topics.dead_letter_index import DeadLetterIndex, Listed
from topics.errors import OutOfRange
from topics.log import Log, RawRecord
from topics.producer import LogProducer


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of a log."""

    settings: Settings
    log: Log
    stop: Stop

    def box(self) -> DeadLetterIndex:
        """All letters that are still held. Raises LogError."""
        there = self.log.topics()
        box = DeadLetterIndex()
        if DEAD_LETTERS not in there:
            return box
        first, end = self.log.held({DEAD_LETTERS: there[DEAD_LETTERS]})
        for batch in self.log.read(first, end):
            for raw in batch:
                try:
                    box.take(raw.partition, raw.offset, decode(raw.value))
                except (UndecodableRecord, NewerRecord):
                    continue  # no consumer wrote it; there is nothing in it to hand back
            self.stop.check()
        return box

    def listed(self, letter_id: str, box: DeadLetterIndex) -> Listed:
        """The letter with an id. Raises UserError if there is none."""
        partition, _, offset = letter_id.partition(":")
        found = box.find(int(partition), int(offset)) if partition.isdecimal() and offset.isdecimal() else None
        if found is None:
            raise UserError(f"there is no dead letter {letter_id[:40]!r}: `replay dlq list --all` shows all ids")
        return found

    def letter(self, listed: Listed) -> DeadLetter:
        """The letter itself, with the record that it carries. Raises LogError."""
        raw = self.raw(DEAD_LETTERS, listed.partition, listed.offset)
        record = decode(raw.value)
        assert isinstance(record, DeadLetter)  # noqa: S101 - it was listed as one
        return record

    def original(self, letter: DeadLetter) -> Original:
        """The record as it stood at its place. One too large for its letter is read there. Raises OutOfRange."""
        key, value, at_us = letter.key, letter.value, letter.envelope.occurred_at_us
        if value is None:
            raw = self.raw(letter.topic, letter.partition, letter.offset)
            key, value, at_us = raw.key, raw.value, raw.timestamp_ms * 1000
        return Original(letter.topic, letter.partition, letter.offset, at_us, key, value)

    def raw(self, topic: str, partition: int, offset: int) -> RawRecord:
        """The record that stands there. Raises OutOfRange, LogError."""
        place = topic, partition
        for batch in self.log.read({place: offset}, {place: offset + 1}):
            for raw in batch:
                if raw.offset == offset:
                    return raw
        raise OutOfRange(topic, partition, offset, offset + 1, offset + 1)


Said = Callable[[Listed, bool, str], None]
"""Told of every letter: whether it is resolved now, and what became of it."""


async def retry_all(letters: Letters, wanted: list[Listed], said: Said) -> bool:
    """Hand every letter's record back to its consumer; returns whether all went through.

    Raises Interrupted between two letters, LogError, StoreError, UserError.
    """
    settings = letters.settings
    models = models_of(settings)
    producer = producer_of(settings, topics_of(settings, models), client_id="verbatim-dlq")
    all_well = True
    await producer.start()
    try:
        in_order = sorted(wanted, key=lambda one: (one.consumer, one.topic, one.source_partition, one.source_offset))
        for consumer, group in groupby(in_order, key=lambda one: one.consumer):
            waiting = list(group)
            try:
                async with opened(consumer, settings, producer, models) as again:
                    for listed in waiting:
                        letters.stop.check()
                        all_well &= await _retry(letters, listed, again, producer, said)
            except CannotRetry as error:
                all_well = False
                for listed in waiting:
                    said(listed, False, str(error))
    finally:
        await producer.aclose()
    return all_well


async def _retry(letters: Letters, listed: Listed, again: Again, producer: LogProducer, said: Said) -> bool:
    try:
        outcome = await again(letters.original(letters.letter(listed)))
    except StillPoison as error:
        said(listed, False, f"still poison, {error}")
        return False
    except (NotTaken, OutOfRange) as error:
        said(listed, False, str(error))
        return False
    await resolve(producer, listed, "retried", outcome)
    said(listed, True, outcome)
    return True


async def drop(letters: Letters, listed: Listed, reason: str) -> None:
    """Note that a letter's record will never be handled. Raises LogError."""
    producer = producer_of(letters.settings, catalogue(), client_id="verbatim-dlq")
    await producer.start()
    try:
        await resolve(producer, listed, "dropped", reason)
    finally:
        await producer.aclose()


async def resolve(producer: LogProducer, listed: Listed, action: Any, note: str) -> None:
    """Note what became of a letter. Raises LogError."""
    at = Position(0, listed.partition, listed.offset)
    envelope = Envelope(
        ids.event_id(f"{DEAD_LETTERS}/{listed.id}", f"DeadLetterResolved/{action}"),
        now_us(),
        listed.letter_event,
        listed.source,
        f"operator:{getpass.getuser()}",
    )
    await producer.send(DEAD_LETTERS, listed.source, DeadLetterResolved(envelope, at, action, note))


def models_of(settings: Settings) -> ModelCatalogue:
    """The models of the settings' files. Raises UserError."""
    try:
        return ModelCatalogue.of(settings)
    except ModelsFileError as error:
        raise UserError(str(error)) from None
