"""How many keys that nobody knows here an address may have looked up: each costs a read that everybody waits behind.

An address that guesses, or goes on with a key that is revoked, is told to wait without any read. Counted are reads that
found no key; a key that exists costs its address nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from api.access.rates import MINUTE_US, ROUNDING, Bucket, Draw, Left, Rate, has_room
from api.http.errors import ApiError
from api.http.metrics import UNKNOWN_KEYS_LIMITED
from infra.clock import monotonic_s
from infra.runtime.bounded import Bounded

MISSES_PER_MINUTE = 30
MAX_ADDRESSES = 10_000
ALL_MISSES_PER_MINUTE = 3000
"""Of all addresses together: who has thousands of them finds no more than this."""
WAIT_S = 5.0
"""How long a request waits for the reads of others from its address."""
_IPV6_NETWORK = 64
"""The bits of an IPv6 address that are given to one customer: the rest is theirs to choose."""
_LONGEST = 64

_T = TypeVar("_T")


class TooManyMisses(ApiError):
    """The address has had too many unknown keys looked up; nothing was read."""

    def __init__(self, retry_after_s: float) -> None:
        wait_s = max(int(-(-retry_after_s // 1)), 1)
        super().__init__(
            429,
            "Too many requests with keys that do not exist came from your address. Check your key, and try again in "
            f"{wait_s}s.",
            code="rate_limit_exceeded",
            error_type="requests",
            headers={"Retry-After": str(wait_s)},
        )


def counted_as(address: str) -> str:
    """What an address is counted under: an IPv4 address itself, an IPv6 address its network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_LONGEST]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _IPV6_NETWORK), strict=False))


class _Account:
    """What one address has left: `reading` reads may yet turn out to be misses."""

    __slots__ = ("_bucket", "_rate", "_read", "reading")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._bucket = Bucket(0.0, 0)
        self.reading = 0
        self._read = asyncio.Event()

    def left(self, now_us: int) -> int:
        return max(int(self._rate.limit - self._bucket.level(self._rate, now_us) + ROUNDING), 0)

    def wait_s(self, now_us: int) -> float:
        return Left.of(Draw(self._rate), self._bucket.level(self._rate, now_us), allowed=False).wait_s

    def missed(self, now_us: int) -> None:
        level = self._bucket.level(self._rate, now_us)
        if has_room(self._rate, level, 1):
            self._bucket = Bucket(level + 1, now_us)

    async def one_read(self) -> None:
        """Until one of its reads is over."""
        await self._read.wait()

    def over(self) -> None:
        self.reading -= 1
        read, self._read = self._read, asyncio.Event()
        read.set()


class UnknownKeys:
    """The accounts of all addresses. Bounded: the one that asked least lately is forgotten first."""

    def __init__(
        self,
        misses_per_minute: int = MISSES_PER_MINUTE,
        most_addresses: int = MAX_ADDRESSES,
        all_misses_per_minute: int = ALL_MISSES_PER_MINUTE,
    ) -> None:
        self._rate = Rate("unknown", "requests", misses_per_minute, MINUTE_US)
        self._everybody = _Account(Rate("unknown", "requests", all_misses_per_minute, MINUTE_US))
        self._accounts: Bounded[str, _Account] = Bounded(most_addresses)

    def __len__(self) -> int:
        return len(self._accounts)

    async def ask(self, address: str, read: Callable[[], Awaitable[_T | None]]) -> _T | None:
        """What `read` finds for somebody at `address`; None is a miss.

        Reads that are under way may all be misses, so there are never more of them than an address has left: the others
        wait for them. Raises TooManyMisses where nothing is left; and as `read`.
        """
        both = (self._account_of(counted_as(address)), self._everybody)
        try:
            async with asyncio.timeout(WAIT_S):
                await self._room(both)
        except TimeoutError:
            raise TooManyMisses(1.0) from None
        for one in both:
            one.reading += 1
        missed = False
        try:
            found = await read()
            missed = found is None
            return found
        finally:
            now_us = _now_us()
            for one in both:
                if missed:
                    one.missed(now_us)
                one.over()

    @staticmethod
    async def _room(accounts: Sequence[_Account]) -> None:
        """Until each of them has room for one more read."""
        while True:
            now_us = _now_us()
            full = next((account for account in accounts if account.reading >= account.left(now_us)), None)
            if full is None:
                return
            if full.left(now_us) <= 0:
                UNKNOWN_KEYS_LIMITED.inc()
                raise TooManyMisses(full.wait_s(now_us))
            await full.one_read()

    def _account_of(self, name: str) -> _Account:
        account = self._accounts[name] = self._accounts.get(name) or _Account(self._rate)
        return account


def _now_us() -> int:
    return round(monotonic_s() * 1_000_000)
