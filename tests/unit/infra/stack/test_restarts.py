"""Requests by file: each is served once, whichever file time it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.stack import restarts
from infra.stack.backoff import Backoff
from infra.stack.keeper import Keeper
from infra.stack.layout import Layout
from infra.stack.restarts import request_parting, request_restart, run_restarts
from tests.eventually import eventually
from tests.unit.infra.stack.keeper_host import child


class Asked(Keeper):
    """Notes what it is asked."""

    def __init__(self, layout: Layout, name: str, *carries: str) -> None:
        super().__init__(child(name, carries=tuple(map(child, carries))), layout, lambda: None, Backoff())
        self.asked: list[str] = []

    async def restart(self) -> None:
        self.asked.append("restart")

    async def part(self) -> None:
        self.asked.append("part")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(restarts, "LOOK_S", 0.01)
    layout = Layout.at(tmp_path / "state")
    layout.create()
    return layout


@asynccontextmanager
async def serving(layout: Layout, *keepers: Keeper) -> AsyncIterator[None]:
    """Requests are served within; those from before have been dropped."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run_restarts(layout, lambda: keepers))
        await asyncio.sleep(0)
        yield
        task.cancel()


async def test_a_child_and_whoever_it_carries_can_be_named(layout: Layout) -> None:
    alone, shared = Asked(layout, "watchdog-0"), Asked(layout, "agents-0", "conversation-0", "projector-0")
    request_restart(layout, "watchdog-0")
    async with serving(layout, alone, shared):
        assert not layout.restart_of("watchdog-0").exists(), "what an earlier supervisor was asked is dropped"
        request_restart(layout, "watchdog-0")
        request_restart(layout, "projector-0")
        await eventually(lambda: (alone.asked, shared.asked) == (["restart"], ["restart"]))
        request_restart(layout, "agents-0")
        request_parting(layout, "conversation-0")
        await eventually(lambda: sorted(shared.asked) == ["part", "restart", "restart"])


async def test_many_in_a_row_are_all_served(layout: Layout) -> None:
    keeper = Asked(layout, "worker-0")
    async with serving(layout, keeper):
        for count in range(1, 30):
            request_restart(layout, "worker-0")
            await eventually(lambda count=count: len(keeper.asked) == count)  # type: ignore[misc]  # a loop's variable


async def test_one_that_comes_long_after_the_last_look_is_served(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "SETTLED_NS", 0)
    keeper = Asked(layout, "worker-0")
    async with serving(layout, keeper):
        await asyncio.sleep(0.1)  # looked at, and settled
        request_restart(layout, "worker-0")
        await eventually(lambda: keeper.asked == ["restart"])
