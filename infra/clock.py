"""The one place that reads the clock. Rules never import it: they get times from events.

A test can plant a wrong wall clock in one process (see infra/planted.py); the clock that never jumps stays right.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from infra.planted import planted

_SKEW_S = planted().clock_skew_s
_SKEW_NS = round(_SKEW_S * 1e9)


def utc_now() -> datetime:
    """The wall clock, timezone-aware, in UTC."""
    return datetime.now(UTC) + timedelta(seconds=_SKEW_S)


def now_ms() -> int:
    """The wall clock in whole milliseconds since the epoch, as events carry it."""
    return (time.time_ns() + _SKEW_NS) // 1_000_000


def now_us() -> int:
    """The wall clock in whole microseconds since the epoch, as events carry it."""
    return (time.time_ns() + _SKEW_NS) // 1_000


def monotonic_s() -> float:
    """Seconds of a clock that never jumps; only differences mean anything. For deadlines and durations."""
    return time.monotonic()


def boot_clock_s() -> float:
    """As `monotonic_s`, of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
