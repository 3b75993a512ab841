"""Reads a whole table from Cassandra in ring order, every cell with its timestamp."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from typing import Any, NamedTuple, Protocol

from infra.cassandra.errors import StoreError, StoreUnavailable
from infra.cassandra.session import CassandraSession
from infra.runtime.retrying import growing
from projections.replay.ring import Span
from projections.rows import Table
from projections.versions import physical_name

PAGE_ROWS = 250
_READERS = 4
_PAGES_AHEAD = 2
_PARTS = 64
_MAX_ATTEMPTS = 6
_FIRST_PAUSE_S = 0.25


class StoredRow(NamedTuple):
    """A row as it stands: its token, its key, and of each cell that is there timestamp and value."""

    token: int
    key: tuple[Any, ...]
    cells: dict[str, tuple[int, Any]]


class RowSource(Protocol):
    """Where `verify` reads tables. StoredRows is one."""

    def in_order(
        self, table: Table, version: int, span: Span
    ) -> AbstractAsyncContextManager[AsyncIterator[list[StoredRow]]]:
        """The rows of a span of tokens in the order of the ring, some at a time. Raises StoreError."""


class StoredRows:
    """The tables of a keyspace."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace

    @asynccontextmanager
    async def in_order(self, table: Table, version: int, span: Span) -> AsyncIterator[AsyncIterator[list[StoredRow]]]:
        """As RowSource says. A few pages are read ahead; what the block raises comes out as it is."""
        statement = await self._session.prepare(_select(physical_name(self._keyspace, table, version), table))
        statement.fetch_size = PAGE_ROWS
        parts = span.parts(_PARTS)
        queues: list[asyncio.Queue[list[StoredRow] | StoreError | None]] = [
            asyncio.Queue(_PAGES_AHEAD) for _ in range(_READERS)
        ]

        async def read(nth: int) -> None:
            queue = queues[nth]
            try:
                for part in parts[nth::_READERS]:
                    async for page in self._pages(statement, table, part):
                        await queue.put(page)
                    await queue.put(None)
            except StoreError as error:
                await queue.put(error)

        async def pages() -> AsyncIterator[list[StoredRow]]:
            for nth in range(len(parts)):
                queue = queues[nth % _READERS]
                while (page := await queue.get()) is not None:
                    if isinstance(page, StoreError):
                        raise page
                    yield page

        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(read(nth)) for nth in range(_READERS)]
            try:
                yield pages()
            except Exception as error:  # a task group would wrap it: it goes on below
                failure = error
            finally:
                for reader in readers:
                    reader.cancel()
        if failure is not None:
            raise failure

    async def _pages(self, statement: Any, table: Table, part: Span) -> AsyncIterator[list[StoredRow]]:
        following: bytes | None = None
        while True:
            rows, following = await self._patiently(statement, part, following)
            if rows:
                yield [_row(table, values) for values in rows]
            if following is None:
                return

    async def _patiently(self, statement: Any, part: Span, following: bytes | None) -> tuple[list[Any], bytes | None]:
        # The last try's error is the caller's.
        for pause_s in islice(growing(_FIRST_PAUSE_S, math.inf), _MAX_ATTEMPTS - 1):
            try:
                return await self._session.page(statement, (part.after, part.last), following)
            except StoreUnavailable:
                await asyncio.sleep(pause_s)
        return await self._session.page(statement, (part.after, part.last), following)


def _select(name: str, table: Table) -> str:
    partition = ", ".join(table.partition_key)
    cells = "".join(f", {cell}, WRITETIME({cell})" for cell in table.cells)
    return (
        f"SELECT token({partition}), {', '.join(table.key)}{cells} FROM {name}"  # noqa: S608 - names of our own tables
        f" WHERE token({partition}) > ? AND token({partition}) <= ?"
    )


def _row(table: Table, values: tuple[Any, ...]) -> StoredRow:
    width = len(table.key)
    cells = {}
    at = width + 1
    for name, kind in table.cells.items():
        written = values[at + 1]
        if written is not None:
            value = values[at]
            # A driver may read an empty value as None.
            cells[name] = (written, (b"" if kind == "blob" else "") if value is None else value)
        at += 2
    return StoredRow(values[0], values[1 : width + 1], cells)
