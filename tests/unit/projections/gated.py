"""Projectors whose writer waits, refuses or fails as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from infra.cassandra.errors import ValueRefused
from projections.projector import Projector
from projections.registry import PROJECTIONS, Projection, newest
from projections.rows import RowChange
from projections.watermarks import WATERMARKS, LogPlace
from tests.fakes.row_store import MemoryRowStore
from topics.catalogue import CONVERSATION_EVENTS, catalogue


class GatedWriter:
    """Writes into memory once the gate is open; fails as often as it is told."""

    def __init__(self) -> None:
        self.store = MemoryRowStore()
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures: list[Exception] = []
        self.writes: list[list[RowChange]] = []

    async def write(self, changes: Iterable[tuple[int, RowChange]]) -> None:
        taken = list(changes)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.writes.append([change for _, change in taken])
        await self.store.write(taken)

    @property
    def watermarks(self) -> list[int]:
        """Next offsets of conversation-events, in the order they were written."""
        rows = [c for write in self.writes for c in write if c.table is WATERMARKS and c.key[1] == "conversations"]
        return [row.cells["next"] for row in rows if hasattr(row, "cells")]


@asynccontextmanager
async def running(writer: GatedWriter) -> AsyncIterator[Projector]:
    projector = Projector(writer, PROJECTIONS, catalogue())
    async with asyncio.TaskGroup() as group:
        group.create_task(projector.run())
        yield projector
        projector.close()


def place(offset: int) -> LogPlace:
    return LogPlace(CONVERSATION_EVENTS, 0, offset)


class Versions:
    """The versions that are to be written, as they are asked for."""

    def __init__(self, *found: Projection) -> None:
        self.found = found
        self.asked = 0
        self.failures: list[Exception] = []

    async def __call__(self) -> tuple[Projection, ...]:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.found


ONE = newest("conversations")
TWO = ONE.at(2)


@asynccontextmanager
async def following(writer: GatedWriter, versions: Versions) -> AsyncIterator[Projector]:
    projector = Projector(writer, (ONE,), catalogue(), versions)
    async with asyncio.TaskGroup() as group:
        group.create_task(projector.run())
        yield projector
        projector.close()


class ChoosyWriter(GatedWriter):
    """Takes nothing that concerns the conversation "bad"."""

    async def write(self, changes: Iterable[tuple[int, RowChange]]) -> None:
        taken = list(changes)
        if any("bad" in change.key for _, change in taken):
            raise ValueRefused("Cassandra refused a statement: too large")
        await super().write(taken)
