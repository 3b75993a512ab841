from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infra.cli.tail_start import Beginning, End, Since, Start, start_of
from infra.cli.terminal import UserError

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("beginning", Beginning()),
        ("end", End()),
        ("500ms", Since(NOW_MS - 500)),
        ("10m", Since(NOW_MS - 600_000)),
        ("2d", Since(NOW_MS - 2 * 86_400_000)),
        ("2026-11-21T08:30", Since(NOW_MS)),
        ("2026-11-21T08:30:00Z", Since(NOW_MS)),
        ("2026-11-21T10:30+02:00", Since(NOW_MS)),
        ("1970-01-01", Since(0)),
        ("1960-01-01", Since(0)),
    ],
)
def test_places_in_time(text: str, start: Start) -> None:
    assert start_of(text, NOW) == start


@pytest.mark.parametrize("text", ["", "10", "10 m", "-5m", "yesterday", "999999999d", "2026-13-01", "10m\n"])
def test_other_words_are_told(text: str) -> None:
    with pytest.raises(UserError, match="not a place in time"):
        start_of(text, NOW)
