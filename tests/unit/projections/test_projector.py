from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

import pytest

import projections.projector as module
from infra.cassandra import StoreRefused, StoreUnavailable
from projections.projector import Projector
from projections.registry import PROJECTIONS, TOPICS
from projections.rows import RowChange, Unprojectable
from projections.watermarks import WATERMARKS, LogPlace
from tests.eventually import eventually
from tests.fakes.projection_logs import prompt
from tests.fakes.row_store import MemoryRowStore
from topics.catalogue import CONVERSATION_EVENTS


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
    projector = Projector(writer, PROJECTIONS, dict.fromkeys(TOPICS, 0))
    async with asyncio.TaskGroup() as group:
        group.create_task(projector.run())
        yield projector
        projector.close()


def place(offset: int) -> LogPlace:
    return LogPlace(CONVERSATION_EVENTS, 0, offset)


async def test_a_record_is_done_when_its_rows_and_then_its_watermark_are_written() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "key"), place(4), lambda: done.append(4))
        await eventually(lambda: not projector._waiting)
        assert not done
        writer.gate.set()
        await eventually(lambda: done == [4])
        assert [any(c.table is WATERMARKS for c in write) for write in writer.writes] == [False, True]
        assert writer.watermarks == [5]


async def test_what_comes_while_a_write_is_under_way_is_written_together() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "first"), place(0), lambda: done.append(0))
        await eventually(lambda: not projector._waiting)
        for offset in range(1, 30):
            await projector.take(prompt("c", f"{offset}"), place(offset), partial(done.append, offset))
        writer.gate.set()
        await eventually(lambda: len(done) == 30)
    assert done == list(range(30))
    rows = [write for write in writer.writes if write[0].table is not WATERMARKS]
    assert len(rows) == 2
    assert writer.watermarks[-1] == 30


async def test_an_outage_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    writer = GatedWriter()
    writer.failures = [StoreUnavailable("away")] * 3
    done: list[int] = []
    async with running(writer) as projector:
        await projector.take(prompt("c", "key"), place(0), lambda: done.append(0))
        await eventually(lambda: done == [0])


async def test_a_refusal_ends_it_and_the_record_stays_undone() -> None:
    writer = GatedWriter()
    writer.failures = [StoreRefused("no such table")]
    done: list[int] = []
    with pytest.raises(ExceptionGroup) as raised:
        async with running(writer) as projector:
            await projector.take(prompt("c", "key"), place(0), lambda: done.append(0))
            await asyncio.Event().wait()
    assert raised.group_contains(StoreRefused)
    assert not done


async def test_a_record_of_which_no_row_can_be_made_is_the_callers() -> None:
    writer = GatedWriter()
    async with running(writer) as projector:
        with pytest.raises(Unprojectable):
            await projector.take(prompt("", "key"), place(0), lambda: None)
    assert not writer.writes


async def test_taking_waits_while_too_much_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    writer = GatedWriter()
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "first"), place(0), lambda: None)
        await eventually(lambda: not projector._waiting)
        for offset in range(1, 4):
            await projector.take(prompt("c", f"{offset}"), place(offset), lambda: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await projector.take(prompt("c", "more"), place(4), lambda: None)
        writer.gate.set()
        await projector.take(prompt("c", "more"), place(4), lambda: None)


async def test_closing_writes_what_is_there() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        for offset in range(5):
            await projector.take(prompt("c", f"{offset}"), place(offset), partial(done.append, offset))
    assert done == [0, 1, 2, 3, 4]
    assert writer.watermarks[-1] == 5
