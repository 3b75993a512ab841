"""A client of a conversation's live stream, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.log_view import following
from api.log_view.following import Following, Watch
from api.log_view.reading import Scope
from api.streaming.pushed import PushedStream
from api.streaming.readers import Credential
from schemas import ids
from tests.eventually import eventually
from tests.unit.api.memory_log import TOPICS
from tests.unit.api.sse_text import Event, events_of
from tests.unit.api.streams import Client
from tests.unit.api.world import World
from topics.cuts import parse_cut

ALICE = ids.user_id("alice")
KEY = "0" * 64
READS = Credential(KEY)


class Looking:
    """One client of a conversation's stream."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = Client()

    @property
    def events(self) -> list[Event]:
        return [event for event in events_of(self.client.body) if event.event == following.EVENT]

    @property
    def types(self) -> list[str]:
        return [event.json["type"] for event in self.events]

    @property
    def places(self) -> list[tuple[str, int, int]]:
        return [(event.json["topic"], event.json["partition"], event.json["offset"]) for event in self.events]

    @property
    def last_id(self) -> str:
        last = events_of(self.client.body)[-1].id
        assert last is not None
        return last

    async def began(self) -> None:
        """Wait for the stream's first frame."""
        there: bool = await eventually(lambda: events_of(self.client.body) != [])
        assert there

    async def has(self, count: int) -> None:
        """Wait for so many events."""
        there: bool = await eventually(lambda: len(self.events) >= count)
        assert there


@asynccontextmanager
async def looking(world: World, conversation: str, after: str | None = None) -> AsyncIterator[Looking]:
    """A client that looks for the length of the block, then leaves; the live log runs already."""
    looks = Looking(world)
    scope = Scope(TOPICS, conversation, ALICE)
    watch = Watch(conversation, ALICE)
    await world.live.join(watch)
    stream = Following(world.live, world.history, scope, watch, None if after is None else parse_cut(after))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(looks.client.take(PushedStream(stream, world.adapters.readers, READS)))
        yield looks
        looks.client.leave()
        await task
