"""Buckets and leases in Redis, shared by all processes: one round trip for all that a request takes, by Redis' clock.

Nothing in them is the truth: buckets of an hour and more are filled from the log when Redis does not know them, the
leases of running streams stand again with the next renewal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.access.buckets import ASK_THE_LOG, LEASE_S, NO_FILL, BucketsAway, Correction, Lease
from api.access.rates import MOST_MISSING, ROUNDING, Draw, Left, Rate, Slots, Taken
from infra.redis import RedisScripts, RedisUnavailable

KEY_PREFIX = "verbatim:limit:"
MUST_FILL = 2
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function level_of(key, limit, period)
  local state = redis.call('HMGET', key, 'missing', 'at', 'filled')
  if not state[1] then return 0, 0, false end
  local passed = math.max(now - tonumber(state[2]), 0)
  return math.max(tonumber(state[1]) - passed * limit / period, 0), tonumber(state[3]), true
end
local function keep(key, missing, filled, limit, period)
  redis.call('HSET', key, 'missing', string.format('%.17g', missing), 'at', string.format('%.0f', now),
    'filled', string.format('%.0f', filled))
  local until_full = missing * period / limit
  if filled > 0 then until_full = math.max(until_full, period) end
  redis.call('PEXPIRE', key, math.ceil(until_full / 1000) + 1000)
end
"""
TAKE = (
    _COMMON
    + f"""
local rates, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local lease, lease_us, lost_at = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if lost_at < 0 then lost_at = now end
local levels, filled, unknown, counts, allowed = {{}}, {{}}, {{}}, {{}}, 1
local changed = {{}}
for i = 1, rates do
  local at = 5 + 4 * (i - 1)
  local limit, period, amount, fill = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]),
    tonumber(ARGV[at + 4])
  local level, filled_at, known = level_of(KEYS[i], limit, period)
  if fill ~= {NO_FILL} and (not known or filled_at == 0 or filled_at < lost_at) then
    if fill == {ASK_THE_LOG} then
      unknown[#unknown + 1] = i - 1
    elseif fill >= 0 then
      level, filled_at, changed[i] = math.max(level, math.min(fill, limit)), now, true
    end
  end
  levels[i], filled[i] = level, filled_at
  if level + amount > limit + {ROUNDING} then allowed = 0 end
end
if #unknown > 0 then return {{{MUST_FILL}, string.format('%.0f', now), unknown}} end
for j = 1, slots do
  local key = KEYS[rates + j]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  counts[j] = redis.call('ZCARD', key)
  if counts[j] >= tonumber(ARGV[5 + 4 * rates + j]) then allowed = 0 end
end
local told = {{}}
for i = 1, rates do
  local at = 5 + 4 * (i - 1)
  local amount = tonumber(ARGV[at + 3])
  if allowed == 1 and amount > 0 then
    levels[i], changed[i] = levels[i] + amount, true
  end
  if changed[i] then keep(KEYS[i], levels[i], filled[i], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])) end
  told[i] = string.format('%.17g', levels[i])
end
if allowed == 1 and lease ~= '' then
  for j = 1, slots do
    redis.call('ZADD', KEYS[rates + j], string.format('%.0f', now + lease_us), lease)
    redis.call('PEXPIRE', KEYS[rates + j], math.ceil(lease_us / 1000) + 1000)
    counts[j] = counts[j] + 1
  end
end
return {{allowed, string.format('%.0f', now), told, counts}}
"""
)
"""1: taken; 0: refused; MUST_FILL: some buckets must be filled first."""
SETTLE = (
    _COMMON
    + f"""
local rates, lease = tonumber(ARGV[1]), ARGV[2]
for i = 1, rates do
  local at = 2 + 3 * (i - 1)
  local limit, period, by = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local level, filled_at, known = level_of(KEYS[i], limit, period)
  if known or by > 0 then
    keep(KEYS[i], math.min(math.max(level + by, 0), {MOST_MISSING} * limit), filled_at, limit, period)
  end
end
for j = rates + 1, #KEYS do redis.call('ZREM', KEYS[j], lease) end
return 1
"""
)
RENEW = (
    _COMMON
    + """
local lease_us = tonumber(ARGV[1])
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], string.format('%.0f', now + lease_us), ARGV[1 + i])
  redis.call('PEXPIRE', KEYS[i], math.ceil(lease_us / 1000) + 1000)
end
return string.format('%.0f', now)
"""
)


class RedisBuckets:
    """The Buckets of api.access.buckets, in Redis. Every method raises BucketsAway."""

    def __init__(self, scripts: RedisScripts, prefix: str = KEY_PREFIX, lease_s: float = LEASE_S) -> None:
        self._scripts = scripts
        self._prefix = prefix
        self._lease_us = round(lease_s * 1e6)
        self._away = False
        self._lost_at_us = 0

    async def start(self) -> None:
        """Teach the server the scripts; one that is away learns them at their first use."""
        for script in (TAKE, SETTLE, RENEW):
            await self._scripts.load(script)

    async def take(
        self,
        draws: Sequence[Draw],
        slots: Sequence[Slots] = (),
        lease: str = "",
        fills: Mapping[int, int] | None = None,
    ) -> Taken:
        keys = [self._prefix + each.name for each in _named([draw.rate for draw in draws], slots)]
        # What Redis knew before it was away counts no message that was sent meanwhile.
        lost_at_us = -1 if self._away else self._lost_at_us
        arguments: list[str | int | float] = [len(draws), len(slots), lease, self._lease_us, lost_at_us]
        for place, draw in enumerate(draws):
            fill = (fills or {}).get(place, ASK_THE_LOG) if draw.rate.outlives else NO_FILL
            arguments += [draw.rate.limit, draw.rate.period_us, draw.amount, fill]
        arguments += [each.limit for each in slots]
        answer = await self._run(TAKE, keys, arguments)
        try:
            return self._taken(answer, draws)
        except (TypeError, ValueError, IndexError, OverflowError):
            self._away = True
            raise BucketsAway("Redis answers what its script does not") from None

    def _taken(self, answer: Any, draws: Sequence[Draw]) -> Taken:
        decided, now_us, told, *counts = answer
        at_us = int(now_us)
        if decided == MUST_FILL:
            taken = Taken(False, unknown=tuple(range(len(draws))[int(place)] for place in told))
        else:
            allowed = decided == 1
            left = tuple(Left.of(draw, float(level), allowed) for draw, level in zip(draws, told, strict=True))
            taken = Taken(allowed, left, tuple(map(int, counts[0])))
        if self._away:
            self._away, self._lost_at_us = False, at_us
        return taken

    async def settle(self, corrections: Sequence[Correction], lease: str, slots: Sequence[Slots]) -> None:
        keys = [self._prefix + each.name for each in _named([one.rate for one in corrections], slots)]
        arguments: list[str | int | float] = [len(corrections), lease]
        for one in corrections:
            arguments += [one.rate.limit, one.rate.period_us, one.by]
        await self._run(SETTLE, keys, arguments)

    async def renew(self, leases: Sequence[Lease]) -> None:
        pairs = [(self._prefix + each.name, lease.id) for lease in leases for each in lease.slots]
        await self._run(RENEW, [key for key, _ in pairs], [self._lease_us, *(lease for _, lease in pairs)])

    async def _run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        try:
            return await self._scripts.run(script, keys, arguments)
        except RedisUnavailable as error:
            self._away = True
            raise BucketsAway(str(error)) from error


def _named(rates: Sequence[Rate], slots: Sequence[Slots]) -> list[Rate | Slots]:
    return [*rates, *slots]
