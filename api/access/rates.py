"""The rule of a rate limit: a bucket that fills steadily. Pure; the script in redis_buckets.py is the same rule.

A bucket of `limit` a period gives as many at once, and after that one more every period / limit. So in any stretch of
time it gives no more than `limit` and what has filled up in it. Its whole state is how much was missing when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
ROUNDING = 1e-6
"""What a sum of fractions may be off."""
MOST_MISSING = 2
"""A correction leaves no more than so many times the limit missing: whoever was guessed wrongly waits a period."""
Kind = Literal["requests", "messages", "tokens"]


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of `kind` a period, for one subject ("user:…", "key:…", "organisation:…", "address:…")."""

    subject: str
    kind: Kind
    limit: int
    period_us: int

    @property
    def name(self) -> str:
        """What its bucket is kept under. Its limit is no part of it: another tier goes on with what is missing."""
        return f"{self.subject}:{self.kind}"

    @property
    def outlives(self) -> bool:
        """Whether its bucket must not be full again because a memory was lost: the log tells what is missing."""
        return self.period_us >= HOUR_US

    def seconds(self, amount: float) -> float:
        """How long it takes until so much has filled up."""
        return amount * self.period_us / self.limit / 1e6


@dataclass(frozen=True, slots=True)
class Draw:
    """What a request takes of a bucket. 0: it only looks."""

    rate: Rate
    amount: int = 1


@dataclass(frozen=True, slots=True)
class Slots:
    """At most `limit` leases at a time, for one subject."""

    subject: str
    limit: int

    @property
    def name(self) -> str:
        return f"{self.subject}:streams"


@dataclass(frozen=True, slots=True)
class Bucket:
    """`missing` at a time; `filled_at_us`: when the log last told how much is (0: never)."""

    missing: float
    at_us: int
    filled_at_us: int = 0

    def level(self, rate: Rate, now_us: int) -> float:
        """What is missing now."""
        return max(self.missing - max(now_us - self.at_us, 0) * rate.limit / rate.period_us, 0.0)


def has_room(rate: Rate, level: float, amount: int) -> bool:
    """Whether a bucket that misses `level` can give `amount`."""
    return level + amount <= rate.limit + ROUNDING


def corrected(rate: Rate, level: float, by: float) -> float:
    """What is missing once it is known that `by` more (less, if negative) was taken than had been thought."""
    return min(max(level + by, 0.0), float(MOST_MISSING * rate.limit))


@dataclass(frozen=True, slots=True)
class Left:
    """What is told of one rate. `wait_s`: until the request would have been admitted; 0 if it was not this one."""

    rate: Rate
    remaining: int
    reset_s: float
    wait_s: float

    @staticmethod
    def of(draw: Draw, level: float, allowed: bool) -> Left:
        """`level`: what is missing after the decision."""
        rate = draw.rate
        lacking = 0.0 if allowed or has_room(rate, level, draw.amount) else level + draw.amount - rate.limit
        remaining = max(int(rate.limit - level + ROUNDING), 0)
        return Left(rate, remaining, rate.seconds(level), rate.seconds(lacking))


@dataclass(frozen=True, slots=True)
class Taken:
    """The decision on draws and slots together: all of them, or none. `left` and `streams` in their order.

    `streams`: how many leases each subject has now. `unknown`: the places of the draws whose buckets the log must fill
    first; then nothing was decided. `away`: decided by this process alone.
    """

    allowed: bool
    left: tuple[Left, ...] = ()
    streams: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    away: bool = False

    def refusing(self, slots: Sequence[Slots] = ()) -> Left | Slots | None:
        """What made it a refusal: the longest wait, or else the slots that are taken."""
        if self.allowed:
            return None
        longest = max(self.left, key=lambda left: left.wait_s, default=None)
        if longest is not None and longest.wait_s > 0:
            return longest
        return next((each for each, count in zip(slots, self.streams, strict=True) if count >= each.limit), None)


def tightest(left: Sequence[Left], kinds: frozenset[Kind]) -> Left | None:
    """Of several limits of these kinds the one that is told: it lets the fewest through, or is the slowest to fill."""
    known = [each for each in left if each.rate.kind in kinds]
    return min(known, key=lambda each: (-each.wait_s, each.remaining, -each.reset_s), default=None)


def go_duration(seconds: float) -> str:
    """A duration as OpenAI's headers write it (Go): 12ms, 1.5s, 6m0s."""
    milliseconds = max(round(seconds * 1000), 0)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole_s, rest_ms = divmod(milliseconds, 1000)
    hours, minutes, last_s = whole_s // 3600, whole_s // 60 % 60, whole_s % 60
    shown = f"{last_s}.{rest_ms:03d}".rstrip("0") if rest_ms else str(last_s)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{shown}s"
