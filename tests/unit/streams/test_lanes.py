"""Different keys side by side, one key in order, never more than so much at once."""

from __future__ import annotations

import asyncio

import pytest

from streams.faust.lanes import Lanes, Work


class Gate:
    """Work that waits to be let through, and notes what it did."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.done: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    def work(self, name: str) -> Work:
        self._gates[name] = asyncio.Event()

        async def run() -> None:
            self.began.append(name)
            await self._gates[name].wait()
            self.done.append(name)

        return run

    def open(self, *names: str) -> None:
        for name in names:
            self._gates[name].set()


async def turns(count: int = 5) -> None:
    """Let the loop run what is ready."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_keys_run_side_by_side_and_one_key_in_order() -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group, 10)
        for key, name in (("a", "a1"), ("a", "a2"), ("b", "b1")):
            await lanes.submit(key, gate.work(name))
        await turns()
        assert gate.began == ["a1", "b1"]
        gate.open("b1", "a2")
        await turns()
        assert gate.done == ["b1"]
        gate.open("a1")
    assert gate.done == ["b1", "a1", "a2"]


async def test_submitting_waits_while_all_places_are_taken() -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group, 2)
        await lanes.submit("a", gate.work("a1"))
        await lanes.submit("a", gate.work("a2"))
        third = group.create_task(lanes.submit("b", gate.work("b1")))
        await turns()
        assert gate.began == ["a1"] and not third.done()
        gate.open("a1")
        await turns()
        assert third.done() and "b1" in gate.began
        gate.open("a2", "b1")


async def test_a_key_may_come_again_after_its_lane_was_empty() -> None:
    gate = Gate()
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group, 1)
        for name in ("first", "second", "third"):
            work = gate.work(name)
            gate.open(name)
            await lanes.submit("a", work)
    assert gate.done == ["first", "second", "third"]


async def test_an_error_ends_the_group() -> None:
    async def failing() -> None:
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            await Lanes(group, 1).submit("a", failing)
    assert raised.group_contains(ValueError, match="broken")
