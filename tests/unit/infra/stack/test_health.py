"""What the health checks leave on servers that installations share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from infra.settings.servers import RedisSettings
from infra.stack.health import RedisHealth


@pytest.mark.parametrize(("prefix", "key"), [("", "verbatim:health"), ("blue", "blue:verbatim:health")])
async def test_the_key_in_redis_begins_with_the_prefix(prefix: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def write(name: str, *_: Any, **__: Any) -> bool:
        written.append(name)
        return True

    client = SimpleNamespace(ping=lambda: True, set=write)
    monkeypatch.setattr("redis.Redis.from_url", lambda *_, **__: client)
    await RedisHealth(RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"), prefix=prefix)).check()
    assert written == [key]
