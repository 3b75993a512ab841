"""Cookies and links: what is ours opens, for as long as it is good, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.sessions import CLOCKS_APART_S, LINK_S, NONCE_BYTES, Link, Session, Sessions

SECRET = "s" * 43
DAY = 86_400
NOW = 1_763_700_000
KEY = "0123456789abcdef" * 4
NONCE = bytes(range(NONCE_BYTES))
OURS = Sessions(SECRET, 30 * DAY)


def test_a_cookie_says_whose_it_is_and_until_when() -> None:
    cookie, session = OURS.cookie(KEY, NOW)
    assert session == Session(KEY, NOW + 30 * DAY)
    assert OURS.session(cookie, NOW + DAY) == session
    assert KEY not in cookie
    assert len(cookie) < 120


def test_a_link_says_whose_it_is_and_which() -> None:
    link = OURS.link(KEY, NONCE, NOW)
    assert OURS.opened(link, NOW) == Link(KEY, NONCE.hex())
    assert len(link) < 140


@pytest.mark.parametrize(
    ("later_s", "opens"),
    [(0, True), (30 * DAY - 1, True), (30 * DAY, False), (-CLOCKS_APART_S, True), (-CLOCKS_APART_S - 1, False)],
)
def test_a_cookie_lasts_as_long_as_the_setting_says(later_s: int, opens: bool) -> None:
    cookie, _ = OURS.cookie(KEY, NOW)
    assert (OURS.session(cookie, NOW + later_s) is not None) == opens


@pytest.mark.parametrize(
    ("later_s", "opens"), [(LINK_S - 1, True), (LINK_S, False), (30 * DAY, False), (-CLOCKS_APART_S - 1, False)]
)
def test_a_link_lasts_an_hour(later_s: int, opens: bool) -> None:
    assert (OURS.opened(OURS.link(KEY, NONCE, NOW), NOW + later_s) is not None) == opens


def test_a_shorter_setting_counts_for_cookies_that_are_out() -> None:
    cookie, _ = OURS.cookie(KEY, NOW)
    assert Sessions(SECRET, DAY).session(cookie, NOW + DAY) is None


def test_nothing_opens_what_it_is_not_for() -> None:
    cookie, link = OURS.cookie(KEY, NOW)[0], OURS.link(KEY, NONCE, NOW)
    assert OURS.session(link, NOW) is None
    assert OURS.opened(cookie, NOW) is None
    others = Sessions("t" * 43, 30 * DAY)
    assert others.session(cookie, NOW) is None
    assert others.opened(link, NOW) is None


COOKIE = OURS.cookie(KEY, NOW)[0]


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a", "a.b", COOKIE + "A", COOKIE[:-1], COOKIE[1:], f" {COOKIE}", COOKIE.replace(".", ":"), "é.é",
     "\x00", "=" * 98, "A" * 1_000_000, COOKIE.partition(".")[0], f".{COOKIE.partition('.')[2]}", f"{COOKIE}.{COOKIE}",
     "eyJhbGciOiJub25lIn0.e30."],
)  # fmt: skip
def test_what_nobody_signed_opens_nothing(text: str) -> None:
    assert OURS.session(text, NOW) is None
    assert OURS.opened(text, NOW) is None


@given(at=st.integers(0, len(COOKIE.partition(".")[0]) - 1), letter=st.sampled_from("ABCxyz019-_"))
def test_another_letter_opens_nothing(at: int, letter: str) -> None:
    changed = COOKIE[:at] + letter + COOKIE[at + 1 :]
    assert (OURS.session(changed, NOW) is not None) == (changed == COOKIE)


@given(st.text(max_size=310))
def test_no_text_raises(text: str) -> None:
    assert OURS.session(text, NOW) is None
    assert OURS.opened(text, NOW) is None
