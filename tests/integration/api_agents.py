"""Everything behind the api, small and in one process: agents that answer prompts as their text says, a recorder and
a projector, on the real log and the real Cassandra.

What a prompt says: `say N` (N chunks "w1 w2 …"), `hold` (one chunk, then silence until somebody ends it), `refuse`,
`fail` (before the first text), `break` (after it), `call NAME` (some thought, then two calls of a tool). Of several
answers, answer i says i chunks more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any

from confluent_kafka import Message

from infra.cassandra.session import CassandraSession
from infra.clock import now_us
from infra.ids import draw_attempt_id
from infra.settings import Settings
from projections.order import order_key
from projections.registry import PROJECTIONS, fold_all
from projections.replay.counts import LocalCounts
from projections.watermarks import watermark_rows
from projections.writer import RowWriter
from schemas import ids
from schemas.codec import decode, encode
from schemas.conversation import RegenerateRequested
from schemas.envelope import Envelope, Position, plain
from schemas.generation import AttemptEnded, AttemptStarted, Failure, GenerationEnded, TokenChunk, Turn
from schemas.messages import message_text
from schemas.outcome import Outcome
from schemas.parts import AnswerPart, ChunkPart, stream_digest
from schemas.price import Price, Usage
from schemas.turns import UserCommand, choices_of, turn_of
from tests.fakes.counted_rows import counted
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    Catalogue,
)
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of
from topics.producer import LogProducer
from topics.scan import generation_of
from topics.tail import Tail

PRICE = Price("2026-11", "USD", 100_000, 50_000, 400_000)
PROJECTED = (CONVERSATION_EVENTS, GENERATION_OUTCOMES, ACCOUNT_EVENTS, USAGE_RECORDS)


@dataclass
class Agents:
    """`pace_s`: the pause between two chunks. `ended`: the outcomes by their generations, and where each stands."""

    log: LogProducer
    writer: RowWriter
    pace_s: float = 0.0
    ended: dict[str, tuple[Outcome, Position]] = field(default_factory=dict)
    _queue: asyncio.Queue[tuple[str, Message]] = field(default_factory=asyncio.Queue)
    _folds: dict[str, GenerationFold] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    _counts: LocalCounts = field(default_factory=LocalCounts)

    def take(self, topic: str, batch: Iterable[Message]) -> None:
        for message in batch:
            self._queue.put_nowait((topic, message))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as answers:
            while True:
                topic, message = await self._queue.get()
                record = decode(message.value())
                position = Position(0, message.partition() or 0, message.offset() or 0)
                if topic in PROJECTED:
                    await self._project(topic, record, position)
                if isinstance(record, Outcome):
                    self.ended.setdefault(record.turn.generation_id, (record, position))
                if topic == TOKEN_CHUNKS:
                    await self._record(record, position)
                if not isinstance(record, UserCommand):
                    continue
                if record.generation_id not in self._answered:
                    self._answered.add(record.generation_id)
                    for choice in range(choices_of(record)):
                        answers.create_task(self._answer(record, position, choice))

    async def _project(self, topic: str, record: Any, position: Position) -> None:
        concerned = tuple(projection for projection in PROJECTIONS if topic in projection.topics)
        await self.writer.write(fold_all(concerned, record, position))
        await self.writer.write(counted(self._counts, topic, record, position))
        reached = {(topic, position.partition): order_key(position) + 1}
        await self.writer.write([(0, row) for row in watermark_rows(PROJECTIONS, reached)])

    async def _record(self, record: Any, position: Position) -> None:
        fold = self._folds.setdefault(generation_of(record), GenerationFold())
        if fold.apply(record, position) is not None and fold.finished and fold.turn is not None:
            await self.log.send(GENERATION_OUTCOMES, fold.turn.conversation_id, outcome_of(fold))

    async def _answer(self, command: UserCommand, cause: Position, choice: int) -> None:
        attempt = Attempt(self.log, turn_of(command, cause, command.price or PRICE, choice))
        match said_by(command).split():
            case ["say", count]:
                await attempt.start()
                for number in range(1, int(count) + choice + 1):
                    attempt.chunk(f"w{number} ")
                    if self.pace_s:
                        await asyncio.sleep(self.pace_s)
                await attempt.end("stop")
            case ["call", name]:
                await attempt.start()
                attempt.chunk("Hm", ChunkPart(0, "reasoning"))
                attempt.chunk('{"city":', ChunkPart(1, "tool_call", "call_1", name))
                attempt.chunk(' "Oslo"}', ChunkPart(1, "tool_call"))
                attempt.chunk("{}", ChunkPart(2, "tool_call", "call_2", name))
                await attempt.end("tool_calls")
            case ["hold"]:
                await attempt.start()
                attempt.chunk("held ")
            case ["refuse"]:
                await attempt.end_from_outside("refused", Failure("content_filter", "Not this.", False))
            case ["fail"]:
                await attempt.start()
                await attempt.end("failed", Failure("engine_unavailable", "The engine is away.", True))
            case ["break"]:
                await attempt.start()
                attempt.chunk("part ")
                await attempt.end("failed", Failure("engine_failed", "The engine broke.", False))


def said_by(command: UserCommand) -> str:
    """The last thing the user said."""
    if isinstance(command, RegenerateRequested):
        return "say 2"
    return message_text(command.messages[-1]) if command.content is None else plain(command.content)


@dataclass
class Attempt:
    """What a worker publishes of one generation."""

    log: LogProducer
    turn: Turn
    attempt_id: str = field(default_factory=draw_attempt_id)
    seq: int = 0
    text: str = ""
    parts: list[AnswerPart] = field(default_factory=list)

    async def start(self) -> None:
        envelope = Envelope(ids.event_id(self.attempt_id, "AttemptStarted"), now_us(), None, "r", "system:worker")
        job = Position(0, 0, 0)
        await self._send(
            AttemptStarted(
                envelope=envelope,
                turn=self.turn,
                attempt_id=self.attempt_id,
                number=1,
                prompt_tokens=7,
                worker="worker-1",
                job=job,
            )
        )

    def chunk(self, delta: str, part: ChunkPart | None = None) -> None:
        self.seq += 1
        self.text += delta
        if part is not None and part.index == len(self.parts):
            self.parts.append(AnswerPart(part.kind, len(delta), 1, part.call_id, part.name))
        elif part is not None:
            last = self.parts[-1]
            self.parts[-1] = replace(last, length=last.length + len(delta), chunks=last.chunks + 1)
        chunk = TokenChunk(self.turn.generation_id, self.attempt_id, self.seq, now_us(), 1, delta, part=part)
        self.log.fire(TOKEN_CHUNKS, self.turn.conversation_id, encode(chunk))

    async def end(self, finish: Any, failure: Failure | None = None) -> None:
        turn, digest = self.turn, stream_digest(sha256(self.text.encode()).hexdigest(), self.parts)
        await self._send(
            AttemptEnded(
                generation_id=turn.generation_id,
                conversation_id=turn.conversation_id,
                attempt_id=self.attempt_id,
                at_us=now_us(),
                last_seq=self.seq,
                sha256=digest,
                finish_reason=finish,
                usage=Usage(7, self.seq),
                failure=failure,
            )
        )

    async def end_from_outside(self, reason: Any, failure: Failure | None) -> None:
        envelope = Envelope(
            ids.event_id(self.turn.generation_id, "GenerationEnded"), now_us(), None, "r", "system:agent"
        )
        await self._send(GenerationEnded(envelope, self.turn, reason, None, failure))

    async def _send(self, record: Any) -> None:
        await self.log.send(TOKEN_CHUNKS, self.turn.conversation_id, record)


@asynccontextmanager
async def running_agents(settings: Settings, session: CassandraSession, topics: Catalogue) -> AsyncIterator[Agents]:
    """Agents that see everything from now on."""
    properties = settings.kafka.client_properties()
    log = LogProducer(properties, topics, client_id="test-agents")
    await log.start()
    agents = Agents(log, RowWriter(session, settings.cassandra.keyspace))
    tails = []
    for topic in (*PROJECTED, TOKEN_CHUNKS):
        tail = Tail(properties, topic, partial(agents.take, topic))
        await tail.start(list(range(topics[topic].partitions)))
        tails.append(tail)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(agents.run())
            yield agents
            running.cancel()
    finally:
        for tail in tails:
            await tail.aclose()
        await log.aclose()
