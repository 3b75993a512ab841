"""When keys were used last, in memory and in the real Redis: the same answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from api.access.key_uses import EVERY_US, KeyUses, RedisKeyUses
from infra.ids import draw_secret
from infra.redis import RedisScripts
from infra.settings import Settings
from tests.unit.api.memory_key_uses import MemoryKeyUses

AT_US = 1_800_000_000_000_000


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.stack)])
async def uses(request: pytest.FixtureRequest) -> AsyncIterator[KeyUses]:
    if request.param == "memory":
        yield MemoryKeyUses()
        return
    settings: Settings = request.getfixturevalue("servers")
    scripts = RedisScripts(settings.redis.url.get_secret_value(), timeout_s=5.0)
    try:
        yield RedisKeyUses(scripts, prefix=f"test:{draw_secret(6)}:")
    finally:
        await scripts.aclose()


async def test_the_last_use_of_each_key_is_told(uses: KeyUses) -> None:
    assert await uses.last([]) == {}
    assert await uses.last(["a", "b"]) == {}
    await uses.note("a", AT_US)
    await uses.note("c", AT_US + 1)
    await uses.note("a", AT_US + EVERY_US)
    assert await uses.last(["a", "b", "c"]) == {"a": AT_US + EVERY_US, "c": AT_US + 1}
    many = [f"key {n}" for n in range(1000)]
    assert await uses.last(many) == {}
