"""The limits in memory, with as many requests a minute as a test likes."""

from __future__ import annotations

from dataclasses import replace

from api.access.buckets import LocalBuckets
from api.access.limiting import RateLimits
from api.access.ports import SentReads
from infra.clock import now_us
from infra.tiers.tier import DEFAULT_TIER, Limits, Tier, Tiers


class MemoryLimiter(RateLimits):
    """Remembers whom it counted. Of users of the tier `default`, each key has so many requests a minute."""

    def __init__(self, reads: SentReads, requests_per_minute: int = 6_000) -> None:
        self.buckets = LocalBuckets(now_us=now_us)
        super().__init__(
            self.buckets, LocalBuckets(now_us=now_us), reads, Tiers(), per_address=requests_per_minute, tries=120
        )
        self.allow(requests_per_minute)

    def allow(self, requests_per_minute: int) -> None:
        """Begin anew with another limit, of each key and each address."""
        self.begin(Tier(name=DEFAULT_TIER, key=Limits(requests_per_minute=requests_per_minute)))
        self._per_address = requests_per_minute

    def begin(self, *tiers: Tier) -> None:
        """Begin anew with these tiers."""
        self.tiers = Tiers({**self.tiers.tiers, **{tier.name: tier for tier in tiers}})
        self.buckets.forget()

    def change(self, limits: Limits) -> None:
        """Begin anew with these limits of each user."""
        self.begin(replace(self.tiers.of(DEFAULT_TIER), user=limits, key=Limits()))

    @property
    def keys(self) -> set[str]:
        return {name.rpartition(":")[0] for name in self.buckets.names}
