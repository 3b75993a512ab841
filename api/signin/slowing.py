"""Tries to sign in with a password slow down: by account, and by address. Nobody is ever locked out for good.

The first few tries that fail cost nothing. After each further one the next has to wait twice as long, up to a bound;
who is quiet for an hour begins anew. A try is counted when it begins, so that many at once are as slow as one after
another; one that succeeds is taken back. A try that comes too early is refused without being counted, so it makes
nobody wait longer.

Redis keeps the counts for all processes. While it is away each process counts alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from api.access.unknown_keys import counted_as
from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.redis import RedisScripts, RedisUnavailable
from infra.runtime.bounded import Bounded

FORGOTTEN_AFTER_S = 3600
MAX_KEPT = 20_000
"""Accounts and addresses that one process counts while Redis is away."""
KEY_PREFIX = "verbatim:tries:"

# Of Redis only commands that the stack's own server allows (infra/stack/redis.py).
TRY = """
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local wait_ms, counts = 0, {}
for i, key in ipairs(KEYS) do
  local kept = redis.call('HMGET', key, 'until', 'count')
  wait_ms = math.max(wait_ms, tonumber(kept[1] or '0') - now_ms)
  counts[i] = tonumber(kept[2] or '0') + 1
end
if wait_ms > 0 then return wait_ms end
for i, key in ipairs(KEYS) do
  local free, most_s = tonumber(ARGV[i * 2]), tonumber(ARGV[i * 2 + 1])
  local delay_s = 0
  if counts[i] > free then delay_s = math.min(2 ^ math.min(counts[i] - free - 1, 30), most_s) end
  redis.call('HSET', key, 'count', counts[i], 'until', string.format('%.0f', now_ms + delay_s * 1000))
  redis.call('PEXPIRE', key, tonumber(ARGV[1]) * 1000)
end
return 0
"""
FORGIVE = """
redis.call('HSET', KEYS[1], 'count', 0, 'until', '0')
redis.call('PEXPIRE', KEYS[1], 1000)
local count = redis.call('HMGET', KEYS[2], 'count')[1]
if count then redis.call('HSET', KEYS[2], 'count', math.max(tonumber(count) - 1, 0), 'until', '0') end
return 0
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """`free` failed tries cost nothing; the next wait 1, 2, 4 … seconds, `most_s` at most."""

    free: int
    most_s: int

    def delay_s(self, count: int) -> float:
        """How long the next try has to wait after so many that failed in a row."""
        return float(min(2 ** min(count - self.free - 1, 30), self.most_s)) if count > self.free else 0.0


ACCOUNT = Pace(free=5, most_s=60)
ADDRESS = Pace(free=20, most_s=900)


@dataclass(slots=True)
class _Count:
    count: int = 0
    until_s: float = 0.0
    forgotten_at_s: float = 0.0


class LocalTries:
    """The counts of one process, by `now_s`. Bounded: who tried least lately is forgotten first."""

    def __init__(self, now_s: Callable[[], float] = monotonic_s) -> None:
        self._now_s = now_s
        self._counts: Bounded[str, _Count] = Bounded(MAX_KEPT)

    def begin(self, keys: tuple[str, str]) -> float:
        """0: go on, the try is counted; else in how many seconds to come again."""
        now_s = self._now_s()
        counts = [self._count(key, now_s) for key in keys]
        wait_s = max(count.until_s - now_s for count in counts)
        if wait_s > 0:
            return wait_s
        for key, count, pace in zip(keys, counts, (ACCOUNT, ADDRESS), strict=True):
            count.count += 1
            count.until_s, count.forgotten_at_s = now_s + pace.delay_s(count.count), now_s + FORGOTTEN_AFTER_S
            self._counts[key] = count
        return 0.0

    def forgive(self, keys: tuple[str, str]) -> None:
        """The try succeeded: the account begins anew, the address has one less."""
        self._counts.pop(keys[0])
        count = self._counts.get(keys[1])
        if count is not None:
            count.count, count.until_s = max(count.count - 1, 0), 0.0

    def _count(self, key: str, now_s: float) -> _Count:
        kept = self._counts.get(key)
        return kept if kept is not None and now_s < kept.forgotten_at_s else _Count()


class Tries:
    """The counts of all processes, in Redis; of this one while Redis is away."""

    def __init__(self, scripts: RedisScripts | None, prefix: str = KEY_PREFIX, local: LocalTries | None = None) -> None:
        self._scripts = scripts
        self._prefix = prefix
        self._local = local or LocalTries()
        self._away = False

    async def begin(self, name: str, address: str) -> float:
        """0: try; the try is counted. Else in how many seconds to come again. `name` need not be anybody's."""
        keys = _keys(name, address)
        arguments = [FORGOTTEN_AFTER_S, ACCOUNT.free, ACCOUNT.most_s, ADDRESS.free, ADDRESS.most_s]
        waits_ms = await self._run(TRY, keys, arguments)
        return self._local.begin(keys) if waits_ms is None else int(waits_ms) / 1000

    async def forgive(self, name: str, address: str) -> None:
        """The try that was counted last has succeeded."""
        keys = _keys(name, address)
        self._local.forgive(keys)
        await self._run(FORGIVE, keys, [])

    async def _run(self, script: str, keys: tuple[str, str], arguments: list[int]) -> int | None:
        """None: Redis is away."""
        if self._scripts is None:
            return None
        try:
            answer = int(await self._scripts.run(script, [self._prefix + key for key in keys], arguments))
        except (RedisUnavailable, TypeError, ValueError) as error:
            if not self._away:
                self._away = True
                get_logger(__name__).warning(
                    "Redis is not reachable: each process counts tries to sign in alone",
                    reason=str(error) if isinstance(error, RedisUnavailable) else "it answers what its script does not",
                )
            return None
        self._away = False
        return answer


def _keys(name: str, address: str) -> tuple[str, str]:
    # Names are of any length, and nobody's business in a server that others may read.
    return "account:" + sha256(name.encode()).hexdigest()[:32], "address:" + counted_as(address)
