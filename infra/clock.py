"""The one place that reads the clock. Rules never import it: they get times from events."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The wall clock, timezone-aware, in UTC."""
    return datetime.now(UTC)


def now_ms() -> int:
    """The wall clock in whole milliseconds since the epoch, as events carry it."""
    return time.time_ns() // 1_000_000


def now_us() -> int:
    """The wall clock in whole microseconds since the epoch, as events carry it."""
    return time.time_ns() // 1_000


def monotonic_s() -> float:
    """Seconds of a clock that never jumps; only differences mean anything. For deadlines and durations."""
    return time.monotonic()
