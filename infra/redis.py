"""Redis for data that may be lost: short time-outs, scripts by SHA, and no waiting for an unreachable server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from infra.clock import monotonic_s


class RedisUnavailable(Exception):
    """Redis did not answer in time, or has not a moment ago."""


@lru_cache(maxsize=64)
def _sha1(script: str) -> str:
    """The name a server knows a script by."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


class RedisScripts:
    """Runs Lua scripts. After a failure, calls fail at once for `pause_s`; then one call tries again."""

    def __init__(self, url: str, *, timeout_s: float = 0.25, pause_s: float = 1.0, most_connections: int = 64) -> None:
        self._client = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            max_connections=most_connections,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._away_until_s = 0.0

    async def load(self, script: str) -> None:
        """Make the server know a script. One that is away now learns it at the first `run`."""
        with contextlib.suppress(RedisUnavailable):
            await self._guarded(self._client.script_load(script))

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """The script's answer. Raises RedisUnavailable."""
        values = [*keys, *map(str, arguments)]
        try:
            return await self._guarded(self._client.evalsha(_sha1(script), len(keys), *values))
        except NoScriptError:
            await self._guarded(self._client.script_load(script))
            return await self._guarded(self._client.evalsha(_sha1(script), len(keys), *values))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _guarded(self, call: Any) -> Any:
        now = monotonic_s()
        if now < self._away_until_s:
            call.close()
            raise RedisUnavailable("Redis did not answer a moment ago")
        try:
            async with asyncio.timeout(self._timeout_s * 2):
                return await call
        except NoScriptError:
            raise
        except ResponseError as error:
            # It is there and refuses this one: nobody else is to do without it.
            raise RedisUnavailable(f"Redis refused a command: {type(error).__name__}") from error
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until_s = monotonic_s() + self._pause_s
            raise RedisUnavailable(f"Redis did not answer: {type(error).__name__}") from error
