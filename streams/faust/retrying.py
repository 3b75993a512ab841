"""Gives one record to its agent again, outside Faust: the retry of a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infra.runtime.retrying import Retrying
from schemas.codec import NewerRecord, UndecodableRecord, UnencodableRecord, decode
from schemas.envelope import SealedContent
from streams.errors import Poison, Retry
from streams.faust.agents import FIRST_PAUSE_S, LONGEST_PAUSE_S
from streams.faust.app import AgentParts, StreamApp
from streams.faust.handlers import Handler, Source
from topics.errors import LogUnavailable, RecordRefused
from topics.producer import LogProducer

LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Original:
    """A record of the log at its own place."""

    topic: str
    partition: int
    offset: int
    timestamp_us: int
    key: bytes | None
    value: bytes | None


class StillPoison(Exception):
    """The agent cannot take the record now either. The message says why, without the record's content."""


class NotTaken(Exception):
    """The agent did not get the record done in time: something it needs is away, or it waits for something."""


Again = Callable[[Original], Awaitable[str]]
"""Hands a record over; returns what came of it, in words. Raises StillPoison, NotTaken."""


@asynccontextmanager
async def retrying(app: StreamApp, producer: LogProducer, limit_s: float = LIMIT_S) -> AsyncIterator[Again]:
    """Open the agent of `app`, as its process does, and hand it records one after another, each at its own place.

    The agent is told that it may have seen the record before, so doing it twice changes nothing.
    """
    parts = app.agent_parts
    assert parts is not None  # noqa: S101 - every app of ours has its agent
    async with parts.open_handler(producer) as handler:

        async def again(original: Original) -> str:
            return await _again(parts, handler, original, limit_s)

        yield again


async def _again(parts: AgentParts, handler: Handler[Any], original: Original, limit_s: float) -> str:
    acknowledged = asyncio.Event()
    source = Source(
        original.topic,
        original.partition,
        original.offset,
        original.timestamp_us,
        original.key,
        True,
        acknowledged.set,
    )
    try:
        record = decode(original.value)
        if not parts.records.holds(record):
            return f"it is a {type(record).__name__}, which this consumer skips"
        await _patiently(parts, handler, record, source, limit_s)
    except NewerRecord as error:
        raise StillPoison(f"a newer release wrote it, upgrade first: {error}") from error
    except (UndecodableRecord, UnencodableRecord, RecordRefused, Poison, SealedContent) as error:
        raise StillPoison(f"{type(error).__name__}: {error}") from error
    if parts.holds:
        try:
            async with asyncio.timeout(limit_s):
                await acknowledged.wait()
        except TimeoutError:
            raise NotTaken(
                f"its consumer still holds it after {limit_s:.0f} s: what it waits for has not happened"
            ) from None
    return f"its {type(record).__name__} was handled"


async def _patiently(parts: AgentParts, handler: Handler[Any], record: object, source: Source, limit_s: float) -> None:
    retry_on: tuple[type[Exception], ...] = (Retry, LogUnavailable, *parts.retry_on)
    try:
        await Retrying("dead_letters.retry", FIRST_PAUSE_S, LONGEST_PAUSE_S, limit_s).run(
            lambda: handler(record, source), retry_on
        )
    except retry_on as error:
        raise NotTaken(f"a server that its consumer needs is not reachable: {error}") from error
