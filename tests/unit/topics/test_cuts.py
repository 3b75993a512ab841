from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.cuts import BadCut, Cut, checked_cut, format_cut, parse_cut

FIRST: Cut = {("usage-records", 0): 0, ("usage-records", 1): 50}
END: Cut = {("usage-records", 0): 10, ("usage-records", 1): 90}
places = st.tuples(st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True), st.integers(0, 999_999_999))


@given(st.dictionaries(places, st.integers(0, 10**18 - 1), min_size=1, max_size=5))
def test_a_cut_survives_as_text(cut: dict[tuple[str, int], int]) -> None:
    assert parse_cut(format_cut(cut)) == cut
    assert format_cut(parse_cut(format_cut(cut))) == format_cut(cut)
    assert parse_cut(format_cut(cut).replace(",", " ,  ")) == cut


@given(st.text())
def test_any_other_text_is_refused_in_one_line(text: str) -> None:
    try:
        parse_cut(text)
    except BadCut as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text", ["", "usage-records", "usage-records:0", "usage-records:0=", "usage-records:0=-1", "a:0=1,", "a b:0=1"]
)
def test_what_is_no_cut_is_refused(text: str) -> None:
    with pytest.raises(BadCut, match="not part of a cut"):
        parse_cut(text)


def test_a_place_stands_once() -> None:
    with pytest.raises(BadCut, match="a:0 appears twice"):
        parse_cut("a:0=1,a:0=1")


@pytest.mark.parametrize("offsets", [(0, 50), (10, 90), (5, 70)])
def test_what_the_log_holds_is_accepted(offsets: tuple[int, int]) -> None:
    cut = {("usage-records", 0): offsets[0], ("usage-records", 1): offsets[1]}
    assert checked_cut(cut, FIRST, END) == cut


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ({("usage-records", 0): 11}, "usage-records:0=11 lies beyond the end, which is 10"),
        ({("usage-records", 0): -1}, "usage-records:0=-1 lies below 0"),
        ({("usage-records", 1): 49}, "usage-records:1=49 lies below 50, the first offset that is still held"),
        ({("usage-records", 2): 0}, "the log has no usage-records:2"),
        ({("other", 0): 0}, "the log has no other:0"),
    ],
)
def test_what_it_does_not_hold_is_named(cut: Cut, said: str) -> None:
    with pytest.raises(BadCut, match=said):
        checked_cut(cut, FIRST, END)
