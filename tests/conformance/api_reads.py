"""A log and what the api reads of it: in memory, or through the projections in Cassandra."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from api.app import Reads
from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from projections import Projections
from projections.order import order_key
from projections.registry import PROJECTIONS, fold_all
from projections.replay.counts import LocalCounts
from projections.watermarks import watermark_rows
from projections.writer import RowWriter
from schemas import ids
from schemas.conversation import (
    ConversationStarted,
    PromptSubmitted,
)
from schemas.envelope import Envelope, Position
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.counted_rows import counted
from tests.unit.api.memory_log import AT, Attempt, MemoryLog, turn_of
from tests.unit.api.memory_reads import MemoryReads
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, USAGE_RECORDS
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

USER = ids.user_id("alice")


@dataclass
class ReadsUnderTest:
    """A log, and what reads it. `show` makes everything appended so far readable."""

    log: MemoryLog
    reads: Reads
    writer: RowWriter | None = None
    shown: int = 0
    counts: LocalCounts = field(default_factory=LocalCounts)

    async def show(self) -> None:
        if self.writer is None:
            return
        for topic in (ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS):
            concerned = tuple(projection for projection in PROJECTIONS if topic in projection.topics)
            reached: dict[tuple[str, int], int] = {}
            for record, at in self.log.all_of(topic):
                await self.writer.write(fold_all(concerned, record, at))
                await self.writer.write(counted(self.counts, topic, record, at))
                reached[topic, at.partition] = order_key(at) + 1
            await self.writer.write([(0, row) for row in watermark_rows(PROJECTIONS, reached)])


Open = Callable[[], AbstractAsyncContextManager[ReadsUnderTest]]


@asynccontextmanager
async def memory_reads() -> AsyncIterator[ReadsUnderTest]:
    log = MemoryLog()
    yield ReadsUnderTest(log, MemoryReads(log))


@asynccontextmanager
async def real_reads(servers: Settings) -> AsyncIterator[ReadsUnderTest]:
    async with own_keyspace(servers) as (settings, session):
        reads = await Projections.connect(settings.cassandra)
        try:
            yield ReadsUnderTest(MemoryLog(), reads, writer_of(session, settings))
        finally:
            await reads.aclose()


def writer_of(session: CassandraSession, settings: Settings) -> RowWriter:
    return RowWriter(session, settings.cassandra.keyspace)


def envelope(cause: str, after_us: int = 0) -> Envelope:
    return Envelope(ids.event_id(cause, "Test"), AT + after_us, None, "r", "user:alice")


def append(log: MemoryLog, record: Any) -> Position:
    return log.append(CONVERSATION_EVENTS, record.conversation_id, record)


def started(conversation: str, after_us: int = 0, **fields: Any) -> ConversationStarted:
    parts = {"title": None, "model": None, "system_prompt": None, **fields}
    return ConversationStarted(
        envelope=envelope(conversation, after_us), conversation_id=conversation, user_id=USER, **parts
    )


def answered(log: MemoryLog, command: PromptSubmitted, cause: Position, *deltas: str, end: str = "stop") -> None:
    """The command's answer and its outcome."""
    attempt = Attempt(log, turn_of(command, cause)).start()
    for delta in deltas:
        attempt.chunk(delta)
    attempt.end(end)
    fold = GenerationFold()
    for record, at in log.all_of(TOKEN_CHUNKS):
        if getattr(record, "generation_id", command.generation_id) == command.generation_id:
            fold.apply(record, at)
    log.append(GENERATION_OUTCOMES, command.conversation_id, outcome_of(fold))
