"""Where a tail begins: `--from beginning|end|TIME`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.cli.terminal import UserError, one_line

_AGO = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Beginning:
    """The oldest record held."""


@dataclass(frozen=True, slots=True)
class End:
    """Whatever is appended from now on."""


@dataclass(frozen=True, slots=True)
class Since:
    """The first record appended at `at_ms` or later (milliseconds since 1970 in UTC)."""

    at_ms: int


Start = Beginning | End | Since


def start_of(text: str, now: datetime) -> Start:
    """What a user wrote after --from: a word, a time (ISO 8601, UTC unless it says otherwise) or an age like 10m.

    Raises UserError.
    """
    if text == "beginning":
        return Beginning()
    if text == "end":
        return End()
    try:
        if ago := _AGO.fullmatch(text):
            at = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            at = datetime.fromisoformat(text)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return Since(max(0, int(at.timestamp() * 1000)))
    except (ValueError, OverflowError):
        raise UserError(
            f"--from {one_line(text)[:60]!r} is not a place in time: use beginning, end, 2026-11-21T08:30 or 10m"
        ) from None
