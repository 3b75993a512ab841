"""When keys were used last: to the minute, in Redis, and lost with it. At most one write a key and minute a process."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from infra.redis import RedisScripts, RedisUnavailable
from infra.runtime.bounded import Bounded

KEY_PREFIX = "verbatim:key-used:"
EVERY_US = 60_000_000
KEPT_S = 400 * 86_400
MAX_KEYS = 10_000
MAX_DIGITS = 19
# Of Redis only commands that the stack's own server allows (infra/stack/redis.py).
_NOTE = """
redis.call('HSET', KEYS[1], 'at', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000)
return 1
"""
_READ = """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HMGET', key, 'at')[1] end
return found
"""


class KeyUses(Protocol):
    async def note(self, key_id: str, at_us: int) -> None:
        """A key is used now. Never raises for a store that is away."""

    async def last(self, key_ids: Sequence[str]) -> Mapping[str, int]:
        """When those of the keys were used last of which it is known."""


class RedisKeyUses:
    """The KeyUses in Redis."""

    def __init__(self, scripts: RedisScripts, prefix: str = KEY_PREFIX) -> None:
        self._scripts = scripts
        self._prefix = prefix
        self._noted: Bounded[str, int] = Bounded(MAX_KEYS)

    async def note(self, key_id: str, at_us: int) -> None:
        if not key_id or at_us - (self._noted.get(key_id) or 0) < EVERY_US:
            return
        self._noted[key_id] = at_us
        with contextlib.suppress(RedisUnavailable):
            await self._scripts.run(_NOTE, [self._prefix + key_id], [at_us, KEPT_S])

    async def last(self, key_ids: Sequence[str]) -> Mapping[str, int]:
        if not key_ids:
            return {}
        try:
            values = await self._scripts.run(_READ, [self._prefix + key_id for key_id in key_ids], [])
        except RedisUnavailable:
            return {}
        return {key_id: int(value) for key_id, value in zip(key_ids, values, strict=False) if _is_time(value)}


def _is_time(value: object) -> bool:
    return isinstance(value, bytes) and value.isdigit() and len(value) < MAX_DIGITS
