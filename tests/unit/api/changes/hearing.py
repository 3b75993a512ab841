"""A client of a user's changes, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api.changes.catching_up import CatchingUp
from api.changes.following import CHANGED, Following
from api.streaming.pushed import PushedStream
from api.streaming.readers import Credential
from schemas import ids
from tests.eventually import eventually
from tests.unit.api.memory_log import TOPICS
from tests.unit.api.sse_text import Event, events_of
from tests.unit.api.streams import Client
from tests.unit.api.world import World
from topics.cuts import parse_cut

KEY = "0" * 64


class Hearing:
    """One reader of a user's changes."""

    def __init__(self) -> None:
        self.client = Client()

    @property
    def all(self) -> list[Event]:
        return events_of(self.client.body)

    @property
    def names(self) -> list[str]:
        return [event.event for event in self.all]

    @property
    def changes(self) -> list[Event]:
        return [event for event in self.all if event.event == CHANGED]

    @property
    def told(self) -> list[Any]:
        """What changed, without the positions to read it at."""
        return [{name: value for name, value in event.json.items() if name != "position"} for event in self.changes]

    @property
    def what(self) -> list[str]:
        """The changes in short."""
        return [event.json.get("what", event.json["kind"]) for event in self.changes]

    @property
    def last_id(self) -> str:
        return next(event.id for event in reversed(self.all) if event.id is not None)

    async def began(self) -> None:
        """Wait for the stream's first event."""
        there: bool = await eventually(lambda: self.all != [])
        assert there

    async def has(self, count: int) -> None:
        """Wait for so many changes."""
        there: bool = await eventually(lambda: len(self.changes) >= count)
        assert there

    async def is_told(self, name: str) -> None:
        """Wait for an event of this name."""
        there: bool = await eventually(lambda: name in self.names)
        assert there


@asynccontextmanager
async def hearing(
    world: World, user: str = "alice", after: str | None = None, catching_up: CatchingUp | None = None
) -> AsyncIterator[Hearing]:
    """A client that hears of changes for the length of the block, then leaves; the world is watched."""
    hears = Hearing()
    feed = await world.changes.open(ids.user_id(user))
    behind = CatchingUp(TOPICS, world.history) if catching_up is None else catching_up
    stream = Following(world.changes, behind, feed, None if after is None else parse_cut(after))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(hears.client.take(PushedStream(stream, world.adapters.readers, Credential(KEY))))
        yield hears
        hears.client.leave()
        await task
