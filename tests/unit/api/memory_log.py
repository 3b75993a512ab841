"""A log in memory: what the api writes to and tails, and what a worker publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from infra.clock import now_ms
from schemas import ids, turns
from schemas.codec import decode, encode
from schemas.envelope import Envelope, Position
from schemas.generation import AttemptEnded, AttemptStarted, Failure, GenerationEnded, TokenChunk, Turn
from schemas.parts import AnswerPart, ChunkPart, stream_digest
from schemas.price import Price, Usage
from schemas.turns import Command
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, catalogue
from topics.errors import LogUnavailable
from topics.generation_fold import GenerationFold
from topics.scan import generation_of
from topics.topic import R, Topic

AT = 1_764_000_000_000_000
TOPICS = catalogue(token_chunk_partitions=2)
PRICE = Price("2026-11", "USD", 100_000, 50_000, 400_000)


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """What is read of a consumed message."""

    at: tuple[str, int, int]
    key_bytes: bytes
    value_bytes: bytes
    at_ms: int = 0

    def topic(self) -> str:
        return self.at[0]

    def timestamp(self) -> tuple[int, int]:
        """As a broker's: (LogAppendTime, when)."""
        return 2, self.at_ms

    def key(self) -> bytes:
        return self.key_bytes

    def value(self) -> bytes:
        return self.value_bytes

    def partition(self) -> int:
        return self.at[1]

    def offset(self) -> int:
        return self.at[2]


class MemoryLog:
    """The Log and the ChunkLog of the api. `down`: "refuse" takes nothing, "lose_acks" takes it and says nothing.

    `ahead_ms`: so far its clock is ahead of everybody else's. `sends_left`: so many more records are taken; None: all.
    `imported`: what came with the header of that name, by place.
    """

    def __init__(self) -> None:
        self.partitions: dict[tuple[str, int], list[MemoryRecord]] = {}
        self.down = ""
        self.paused = False
        self.ahead_ms = 0
        self.sends_left: int | None = None
        self.imported: dict[tuple[str, int, int], str] = {}
        self._tails: list[tuple[str, Callable[[Iterable[MemoryRecord]], None]]] = []
        self._held: list[tuple[Callable[[Iterable[MemoryRecord]], None], MemoryRecord]] = []
        self._delivered: dict[tuple[str, int], int] = {}

    def tail(self, topic: str, on_batch: Callable[[Iterable[MemoryRecord]], None]) -> None:
        self._tails.append((topic, on_batch))

    async def send(self, topic: Topic[R], key: str, record: R, *, imported: str = "") -> Position:
        if self.down == "refuse" or (self.sends_left is not None and self.sends_left < 1):
            raise LogUnavailable("down")
        if self.sends_left is not None:
            self.sends_left -= 1
        at = self.append(topic, key, record)
        if imported:
            self.imported[topic, at.partition, at.offset] = imported
        if self.down == "lose_acks":
            raise LogUnavailable("no acknowledgement")
        return at

    def fire(self, topic: str, key: str, value: bytes) -> None:
        if self.down:
            raise LogUnavailable("down")
        self._append(topic, key, value)

    async def newest(self, topic: str, key: str | None = None) -> dict[tuple[str, int], int]:
        if self.down:
            raise LogUnavailable("down")
        wanted = None if key is None else TOPICS.partition(topic, key)
        return {
            place: len(records) - 1
            for place, records in self.partitions.items()
            if place[0] == topic and wanted in (None, place[1])
        }

    def append(self, topic: str, key: str, record: Any) -> Position:
        return self._append(topic, key, encode(record))

    def untail(self, topic: str, on_batch: Callable[[Iterable[MemoryRecord]], None]) -> None:
        self._tails.remove((topic, on_batch))

    def resume(self) -> None:
        """Deliver what tails were not given while `paused`."""
        self.paused = False
        held, self._held = self._held, []
        for on_batch, record in held:
            self._deliver(on_batch, record)

    def _append(self, topic: str, key: str, value: bytes) -> Position:
        partition = TOPICS.partition(topic, key)
        records = self.partitions.setdefault((topic, partition), [])
        # What users did was appended when it occurred; other times are the same in every test, so those are not.
        is_said = topic == CONVERSATION_EVENTS
        at_ms = CONVERSATION_EVENTS.decode(value).envelope.occurred_at_us // 1000 if is_said else now_ms()
        record = MemoryRecord((topic, partition, len(records)), key.encode(), value, at_ms + self.ahead_ms)
        records.append(record)
        for tailed, on_batch in self._tails:
            if tailed == topic and self.paused:
                self._held.append((on_batch, record))
            elif tailed == topic:
                self._deliver(on_batch, record)
        return TOPICS.position(topic, partition, record.at[2])

    def _deliver(self, on_batch: Callable[[Iterable[MemoryRecord]], None], record: MemoryRecord) -> None:
        on_batch([record])
        self._delivered[record.at[:2]] = record.at[2] + 1

    def position(self, partition: int) -> int:
        return self._delivered.get((TOKEN_CHUNKS, partition), 0)

    async def fold(self, conversation_id: str, generation_id: str, tail: Position, stop: int) -> GenerationFold:
        if self.down:
            raise LogUnavailable("down")
        fold = GenerationFold()
        for record in self.partitions.get((TOKEN_CHUNKS, tail.partition), [])[tail.offset : stop]:
            event = TOKEN_CHUNKS.decode(record.value())
            if record.key() == conversation_id.encode() and generation_of(event) == generation_id:
                fold.apply(event, Position(tail.epoch, tail.partition, record.offset()))
        return fold

    def all_of(self, topic: str) -> list[tuple[Any, Position]]:
        """Every record of a topic with its place, partition after partition."""
        return [
            (decode(record.value()), TOPICS.position(name, partition, record.offset()))
            for (name, partition), records in sorted(self.partitions.items())
            if name == topic
            for record in records
        ]


def turn_of(command: Command, cause: Position, choice: int = 0) -> Turn:
    """The turn that a command at `cause` begins, as the agents of these tests price it."""
    return turns.turn_of(command, cause, command.price or PRICE, choice)


@dataclass(slots=True)
class Attempt:
    """A worker's hand: what it publishes of one generation."""

    log: MemoryLog
    turn: Turn
    attempt_id: str = "a1"
    number: int = 1
    seq: int = 0
    chunks: list[TokenChunk] = field(default_factory=list)

    def _append(self, record: Any) -> Position:
        return self.log.append(TOKEN_CHUNKS, self.turn.conversation_id, record)

    def start(self, prompt_tokens: int = 7) -> Attempt:
        envelope = Envelope(ids.event_id(self.turn.generation_id, "AttemptStarted"), AT + 5, None, "r", "system:worker")
        job = Position(0, 0, 0)
        self._append(
            AttemptStarted(
                envelope=envelope,
                turn=self.turn,
                attempt_id=self.attempt_id,
                number=self.number,
                prompt_tokens=prompt_tokens,
                worker="worker-1",
                job=job,
            )
        )
        return self

    def chunk(self, delta: str, tokens: int = 1, part: ChunkPart | None = None, logprobs: str = "") -> Attempt:
        self.seq += 1
        at = AT + 10 + self.seq
        chunk = TokenChunk(
            self.turn.generation_id, self.attempt_id, self.seq, at, tokens, delta, part=part, logprobs=logprobs
        )
        self.chunks.append(chunk)
        self._append(chunk)
        return self

    def end(self, finish: Any = "stop", failure: Failure | None = None) -> Attempt:
        digest = _digest(self.chunks)
        generation, conversation = self.turn.generation_id, self.turn.conversation_id
        usage = Usage(7, self.seq, 2)
        self._append(
            AttemptEnded(
                generation_id=generation,
                conversation_id=conversation,
                attempt_id=self.attempt_id,
                at_us=AT + 99,
                last_seq=self.seq,
                sha256=digest,
                finish_reason=finish,
                usage=usage,
                failure=failure,
            )
        )
        return self

    def ended_from_outside(self, reason: Any, failure: Failure | None = None) -> Attempt:
        envelope = Envelope(ids.event_id(self.turn.generation_id, "GenerationEnded"), AT + 98, None, "r", "system:x")
        self._append(GenerationEnded(envelope, self.turn, reason, None, failure))
        return self


def _digest(chunks: list[TokenChunk]) -> str:
    """The digest of an answer of these chunks, as a worker tells it."""
    parts: list[AnswerPart] = []
    for chunk in chunks:
        part, length = chunk.part or ChunkPart(0, "text"), len(str(chunk.delta))
        if part.index == len(parts):
            parts.append(AnswerPart(part.kind, length, 1, part.call_id, part.name))
        else:
            last = parts[-1]
            parts[-1] = replace(last, length=last.length + length, chunks=last.chunks + 1)
    digest = sha256("".join(str(chunk.delta) for chunk in chunks).encode()).hexdigest()
    return stream_digest(digest, parts) if any(chunk.part for chunk in chunks) else digest
