"""A limiter in memory: the pure bucket, and the wall clock."""

from __future__ import annotations

from api.access.ports import Admission
from api.access.rate_limit import Bucket
from infra.clock import now_us


class MemoryLimiter:
    """As many requests a minute for each key; remembers whom it admitted."""

    def __init__(self, requests_per_minute: int) -> None:
        self.allow(requests_per_minute)

    def allow(self, requests_per_minute: int) -> None:
        """Begin anew with another limit."""
        self._bucket = Bucket.per_minute(requests_per_minute)
        self._full_at_us: dict[str, int] = {}

    @property
    def keys(self) -> set[str]:
        return set(self._full_at_us)

    async def admit(self, key_id: str) -> Admission:
        now = now_us()
        allowed, full_at_us = self._bucket.take(self._full_at_us.get(key_id, 0), now)
        self._full_at_us[key_id] = full_at_us
        return self._bucket.admission(allowed, full_at_us - now)
