"""The rate limit per key: a token bucket in Redis, one round trip per request.

Written policy for a Redis that is away: requests are let through. Limits may be lost, answers may not; the metric
`verbatim_api_rate_limit_unavailable_total` and a log line tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.access.ports import Admission
from api.http.metrics import LIMITER_OPEN
from infra.logging import get_logger
from infra.redis import RedisScripts, RedisUnavailable

SCRIPT = """
local now = redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local capacity, per_token_us = tonumber(ARGV[1]), tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'full_at_us')
local full_at_us = math.max(tonumber(state[1] or '0'), now_us)
local next_full_at_us = full_at_us + per_token_us
local allowed = 0
if next_full_at_us - now_us <= capacity * per_token_us then
  allowed = 1
  full_at_us = next_full_at_us
  redis.call('HSET', KEYS[1], 'full_at_us', string.format('%.0f', full_at_us))
  redis.call('PEXPIRE', KEYS[1], math.ceil((full_at_us - now_us) / 1000) + 1000)
end
return {allowed, string.format('%.0f', full_at_us - now_us)}
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The rule of SCRIPT, pure: a bucket of `capacity` tokens, one more every `per_token_us`.

    Its whole state is when it will be full again.
    """

    capacity: int
    per_token_us: int

    @staticmethod
    def per_minute(requests: int) -> Bucket:
        """As many at once as in a minute."""
        return Bucket(requests, max(60_000_000 // requests, 1))

    def take(self, full_at_us: int, now_us: int) -> tuple[bool, int]:
        """(whether a token was there, when the bucket is full again)."""
        full_at_us = max(full_at_us, now_us)
        if full_at_us + self.per_token_us - now_us <= self.capacity * self.per_token_us:
            return True, full_at_us + self.per_token_us
        return False, full_at_us

    def admission(self, allowed: bool, until_full_us: int) -> Admission:
        """What to tell the client of a bucket that will be full in `until_full_us`."""
        missing = -(-until_full_us // self.per_token_us)
        wait_us = 0 if allowed else until_full_us - (self.capacity - 1) * self.per_token_us
        return Admission(
            allowed, self.capacity, max(self.capacity - missing, 0), until_full_us / 1e6, max(wait_us, 0) / 1e6
        )


KEY_PREFIX = "verbatim:rate:"


class RedisLimiter:
    """The Limiter of api.access.ports, in Redis."""

    def __init__(self, scripts: RedisScripts, requests_per_minute: int, prefix: str = KEY_PREFIX) -> None:
        self._scripts = scripts
        self._bucket = Bucket.per_minute(requests_per_minute)
        self._prefix = prefix
        self._away = False

    async def start(self) -> None:
        """Teach the server the script."""
        await self._scripts.load(SCRIPT)

    async def admit(self, key_id: str) -> Admission:
        bucket = self._bucket
        try:
            allowed, until_full_us = await self._scripts.run(
                SCRIPT, [self._prefix + key_id], [bucket.capacity, bucket.per_token_us]
            )
        except RedisUnavailable as error:
            LIMITER_OPEN.inc()
            if not self._away:
                self._away = True
                get_logger(__name__).warning("Redis is not reachable: rate limits are not applied", reason=str(error))
            return Admission(True, bucket.capacity, bucket.capacity, 0.0, 0.0, limited=False)
        self._away = False
        return bucket.admission(bool(allowed), int(until_full_us))


def go_duration(seconds: float) -> str:
    """A duration as OpenAI's headers write it (Go): 12ms, 1.5s, 6m0s."""
    milliseconds = max(round(seconds * 1000), 0)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole_s, rest_ms = divmod(milliseconds, 1000)
    hours, minutes, last_s = whole_s // 3600, whole_s // 60 % 60, whole_s % 60
    shown = f"{last_s}.{rest_ms:03d}".rstrip("0") if rest_ms else str(last_s)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{shown}s"
