"""Tries to sign in, counted in one process and by the real Redis: the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.signin.slowing import ACCOUNT, LocalTries, Tries
from infra.ids import draw_secret
from infra.redis import RedisScripts
from infra.settings import Settings


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.stack)])
async def tries(request: pytest.FixtureRequest) -> AsyncIterator[Tries]:
    if request.param == "memory":
        yield Tries(None)
        return
    settings: Settings = request.getfixturevalue("servers")
    scripts = RedisScripts(settings.redis.url.get_secret_value(), timeout_s=5.0)
    never = LocalTries(lambda: 1 / 0)  # what is asked of Redis is not counted here instead
    never.forgive = lambda keys: None  # type: ignore[method-assign]  # as above
    try:
        yield Tries(scripts, f"test:{draw_secret(6)}:", never)
    finally:
        await scripts.aclose()


async def test_tries_slow_down_and_success_is_forgiven(tries: Tries) -> None:
    for _ in range(ACCOUNT.free + 1):
        assert await tries.begin("alice", "192.0.2.1") == 0
    assert 0 < await tries.begin("alice", "192.0.2.2") <= 1
    assert await tries.begin("bob", "192.0.2.2") == 0
    while (wait_s := await tries.begin("alice", "192.0.2.1")) > 0:
        assert wait_s <= 1
        await asyncio.sleep(wait_s)
    await tries.forgive("alice", "192.0.2.1")
    for _ in range(ACCOUNT.free):
        assert await tries.begin("alice", "192.0.2.1") == 0
