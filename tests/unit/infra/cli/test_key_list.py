"""What the list of keys shows of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.cli.key_list import HEADINGS, object_of, row_of, state_of
from projections.accounts.queries import ApiKeyRow, UserRow
from schemas.identity import KeyLimits

ADA = UserRow("u1", "ada", 0)
PLAIN = ApiKeyRow("a" * 64, "k1", "u1", "laptop", "wxyz", 1_700_000_000_000_000, None)
NOW_US = 1_700_000_100_000_000


def test_a_key_that_may_all() -> None:
    shown = dict(zip(HEADINGS, row_of(ADA, PLAIN, NOW_US, None), strict=True))
    assert shown["KEY ID"] == "k1"
    assert (shown["SCOPES"], shown["LIMITS"], shown["EXPIRES"], shown["LAST USED"]) == ("all", "-", "-", "-")
    assert (shown["CREATED"], shown["STATE"]) == ("2023-11-14T22:13:20Z", "valid")


def test_a_restricted_key_shows_all_that_restricts_it() -> None:
    limits = KeyLimits(requests_per_minute=5, models=("a", "b\x1b[2J"))
    key = replace(PLAIN, scopes=("chat", "read"), expires_at_us=NOW_US, limits=limits, organisation_id="guild")
    shown = dict(zip(HEADINGS, row_of(ADA, key, NOW_US, NOW_US), strict=True))
    assert (shown["SCOPES"], shown["ORGANISATION"], shown["STATE"]) == ("chat,read", "guild", "expired")
    assert shown["LIMITS"] == "requests_per_minute=5 models=a,b[2J", "nothing steers the terminal"
    assert shown["EXPIRES"] == shown["LAST USED"] == "2023-11-14T22:15:00Z"
    said = object_of(ADA, key, NOW_US, NOW_US)
    assert said["limits"] == {"requests_per_minute": 5, "models": ["a", "b\x1b[2J"]}
    assert (said["scopes"], said["state"], said["revoked"]) == (["chat", "read"], "expired", False)
    assert said["last_used_at"] == said["expires_at"] == "2023-11-14T22:15:00Z"
    assert object_of(ADA, PLAIN, NOW_US, None)["scopes"] is None


@pytest.mark.parametrize(
    ("ends_us", "revoked_us", "state"),
    [(None, None, "valid"), (NOW_US + 1, None, "valid"), (NOW_US, None, "expired"), (NOW_US, 1, "revoked")],
)
def test_a_key_opens_until_it_ends_or_is_revoked(ends_us: int | None, revoked_us: int | None, state: str) -> None:
    assert state_of(replace(PLAIN, expires_at_us=ends_us, revoked_at_us=revoked_us), NOW_US) == state
