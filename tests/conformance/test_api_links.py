"""Used links, remembered in memory and by the real Redis: the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.access.ports import Links, LinksUnavailable
from api.access.used_links import RedisLinks
from infra.ids import draw_secret
from infra.redis import RedisScripts
from infra.settings import Settings
from tests.eventually import eventually
from tests.unit.api.memory_links import MemoryLinks


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.stack)])
async def links(request: pytest.FixtureRequest) -> AsyncIterator[Links]:
    if request.param == "memory":
        yield MemoryLinks()
        return
    settings: Settings = request.getfixturevalue("servers")
    scripts = RedisScripts(settings.redis.url.get_secret_value(), timeout_s=5.0)
    try:
        yield RedisLinks(scripts, prefix=f"test:{draw_secret(6)}:")
    finally:
        await scripts.aclose()


async def test_a_link_is_taken_once(links: Links) -> None:
    assert await links.take("a", 60)
    assert not await links.take("a", 60)
    assert await links.take("b", 60)


async def test_what_came_to_nothing_can_be_taken_again(links: Links) -> None:
    await links.give_back("never taken")
    assert await links.take("a", 60)
    await links.give_back("a")
    taken: bool = await eventually(lambda: links.take("a", 60), 10)
    assert taken
    assert not await links.take("a", 60)


async def test_one_of_many_at_once_has_it(links: Links) -> None:
    async with asyncio.TaskGroup() as tasks:
        taken = [tasks.create_task(links.take("a", 60)) for _ in range(20)]
    assert [task.result() for task in taken].count(True) == 1


async def test_without_redis_nobody_knows() -> None:
    scripts = RedisScripts("redis://127.0.0.1:1/0")
    try:
        with pytest.raises(LinksUnavailable):
            await RedisLinks(scripts).take("a", 60)
    finally:
        await scripts.aclose()


@pytest.mark.stack
async def test_it_is_forgotten_when_no_link_is_that_old(servers: Settings) -> None:
    scripts = RedisScripts(servers.redis.url.get_secret_value(), timeout_s=5.0)
    prefix = f"test:{draw_secret(6)}:"
    try:
        links = RedisLinks(scripts, prefix)
        assert await links.take("hours", 3900)
        assert await links.take("a second", 1)
        taken: bool = await eventually(lambda: links.take("a second", 3900), 10)
        assert taken
        assert not await links.take("a second", 3900)
        assert not await links.take("hours", 3900)
    finally:
        await scripts.aclose()
