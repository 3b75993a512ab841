"""Finds a generation's stream: from its outcome, or from its records in the log. Blocking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from api.streaming.feed import Feed
from api.streaming.frames import Frames
from api.streaming.sources import FinishedSource, Source
from infra.cassandra.errors import StoreError
from infra.cli.terminal import UserError
from infra.settings import Settings
from projections import Projections
from schemas.codec import UndecodableRecord, decode
from schemas.envelope import Position
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, TokenChunk
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from schemas.turns import Command
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.cuts import TopicPartition
from topics.log import Log, RawRecord
from topics.scan import generation_of

MAX_FRAMES = 1000
_OF_A_GENERATION = (AttemptStarted, TokenChunk, AttemptEnded, GenerationEnded)
_OUTCOMES = (GenerationCompleted, GenerationFailed, GenerationCancelled, GenerationRefused)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a generation began: as its command said. `tail`: a lower bound of its records in token-chunks."""

    generation_id: str
    conversation_id: str
    user_id: str
    tail: Position


def find_outcome(settings: Settings, log: Log, generation_id: str) -> tuple[Outcome | None, Asked | None]:
    """The generation's outcome, and how it began; None for what is not to be found (the second: only looked for if
    there is no outcome). The projections are asked first: the log has no index. Raises LogError.
    """
    outcome, asked = asyncio.run(_projected(settings, generation_id))
    if outcome is None:
        outcome = _recorded(log, generation_id, asked)
    if outcome is None and asked is None:
        asked = _commanded(log, generation_id)
    return outcome, asked


class LoggedStream:
    """A generation read from token-chunks, as far as the log goes; `grow` reads on."""

    def __init__(self, log: Log, asked: Asked) -> None:
        self._log = log
        self._asked = asked
        self._at = asked.tail.offset
        self.feed = Feed(asked.generation_id, asked.conversation_id, asked.user_id, asked.tail)

    @property
    def times_us(self) -> list[int]:
        """When each chunk was made."""
        return [mark.at_us for mark in self.feed.fold.marks]

    def grow(self) -> bool:
        """Take what has been appended since; False if nothing has. Raises LogError, UserError if it is gone."""
        partition, epoch = self._asked.tail.partition, self._asked.tail.epoch
        place = TOKEN_CHUNKS, partition
        first, end = self._log.held({TOKEN_CHUNKS: self._log.topics().get(TOKEN_CHUNKS, 0)})
        if place not in end or (self._at < first[place] and self.feed.turn is None):
            raise UserError(
                f"generation {self._asked.generation_id} has no outcome, and token-chunks no longer holds its records"
            )
        if self._at >= end[place]:
            return False
        key = self._asked.conversation_id.encode()
        for batch in self._log.read({place: self._at}, {place: end[place]}):
            for raw in batch:
                self._at = raw.offset + 1
                record = _decoded(raw) if raw.key == key else None
                if isinstance(record, _OF_A_GENERATION) and generation_of(record) == self._asked.generation_id:
                    self.feed.take(record, Position(epoch, partition, raw.offset))
        self._at = end[place]
        return True


def frames_of(source: Source, frames: Frames, times_us: list[int], after: int) -> Iterator[tuple[int, bytes]]:
    """(when, bytes) of each frame after frame `after`, as the API sends them: -1 for all of them.

    The last is the end's, if the source has ended. `frames` must have made frame 0 before any other.
    """
    turn, pieces, ending = source.turn, source.pieces, source.ending
    if turn is None:
        return
    if after < 0:
        yield source.started_at_us, frames.start(turn, source.started_at_us)
        after = 0
    for first in range(after, len(pieces), MAX_FRAMES):
        stop = min(first + MAX_FRAMES, len(pieces))
        yield from zip(times_us[first:stop], frames.chunks(pieces, first, stop), strict=True)
    if ending is not None and after <= len(pieces):
        yield ending.at_us, frames.end(ending, len(pieces) + 1)


def finished(outcome: Outcome) -> tuple[Source, list[int]]:
    """A finished generation as a source, and when each chunk was made."""
    return FinishedSource(outcome), [mark.at_us for mark in outcome.chunks]


async def _projected(settings: Settings, generation_id: str) -> tuple[Outcome | None, Asked | None]:
    try:
        reads = await Projections.connect(settings.cassandra)
    except StoreError:  # the log knows it too, only more slowly
        return None, None
    try:
        row = await reads.generation(generation_id)
        if row is None:
            return None, None
        asked = Asked(generation_id, row.conversation_id, row.user_id, row.tail)
        return await reads.outcome_of_generation(row), asked
    except StoreError:
        return None, None
    finally:
        await reads.aclose()


def _recorded(log: Log, generation_id: str, asked: Asked | None) -> Outcome | None:
    """The first outcome of the generation in generation-outcomes."""
    conversation = None if asked is None else asked.conversation_id
    for raw in _with(log, GENERATION_OUTCOMES, generation_id, conversation):
        record = _decoded(raw)
        if isinstance(record, _OUTCOMES) and record.turn.generation_id == generation_id:
            return record
    return None


def _commanded(log: Log, generation_id: str) -> Asked | None:
    """The first command that asked for the generation."""
    for raw in _with(log, CONVERSATION_EVENTS, generation_id, None):
        record = _decoded(raw)
        if isinstance(record, Command) and record.generation_id == generation_id:
            return Asked(generation_id, record.conversation_id, record.user_id, record.tail)
    return None


def _with(log: Log, topic: str, text: str, conversation: str | None) -> Iterator[RawRecord]:
    """The records of a topic that have `text` in them, of one conversation's partitions if it is known."""
    layout = log.layouts().get(topic)
    if layout is None:
        return
    first, end = log.held({topic: layout.partitions})
    wanted: dict[TopicPartition, int] = dict(end)
    if conversation is not None:
        wanted = {(topic, p): end[topic, p] for p in layout.partitions_of(conversation)}
    needle = text.encode()
    for batch in log.read(first, wanted):
        yield from (raw for raw in batch if raw.value is not None and needle in raw.value)


def _decoded(raw: RawRecord) -> object | None:
    """The record; None for a damaged one, which every reader passes over."""
    try:
        record: object = decode(raw.value)
    except UndecodableRecord:
        return None
    return record
