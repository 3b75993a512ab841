"""Shared by the commands about projections: names, a session, and one-line errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from infra.cli.terminal import UserError, one_line

if TYPE_CHECKING:
    from infra.cassandra.session import CassandraSession
    from infra.settings import Settings
    from topics.log import Log

REQUEST_TIMEOUT_S = 30.0


def projection_named(name: str) -> str:
    """The name itself. Raises UserError, which lists the projections, if there is none of that name."""
    from projections.registry import names

    if name not in names():
        raise UserError(f"unknown projection {one_line(name)[:60]!r}; the projections are {', '.join(sorted(names()))}")
    return name


def partitions_of(log: Log) -> dict[str, int]:
    """The partition counts of all topics. Raises UserError if one is missing that projections are made of."""
    from projections.registry import TOPICS

    there = log.topics()
    if missing := [topic for topic in TOPICS if topic not in there]:
        raise UserError(f"the log has no topic {', '.join(missing)}: start the stack once (./verbatim up)")
    return there


@asynccontextmanager
async def store_session(settings: Settings) -> AsyncIterator[CassandraSession]:
    """A session for the length of the block. Raises StoreError."""
    from infra.cassandra.session import CassandraSession

    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=REQUEST_TIMEOUT_S)
    try:
        yield session
    finally:
        await session.aclose()


@contextmanager
def refusals() -> Iterator[None]:
    """Within the block, what log, store, scratch folder or the versions' rules refuse is one line (UserError)."""
    from infra.cli.replay.opened import log_errors
    from projections import SchemaMismatch
    from projections.replay.rules import Refused
    from projections.replay.spool import ScratchError

    try:
        with log_errors():
            yield
    except (Refused, SchemaMismatch, ScratchError) as error:
        raise UserError(str(error)) from None
