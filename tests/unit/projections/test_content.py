from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from projections.content import excerpt, from_cell, to_cell
from schemas.envelope import Sealed
from tests.record_strategies import sealed, texts


@given(texts | st.text().map(lambda text: "\0" + text) | sealed)
def test_a_content_comes_back_from_its_cell(content: str | Sealed) -> None:
    assert from_cell(to_cell(content)) == content


def test_a_user_cannot_write_what_reads_as_sealed() -> None:
    forged = to_cell(Sealed("key", b"n", b"c"))
    assert from_cell(to_cell(forged)) == forged


def test_an_excerpt_is_one_short_line_and_never_of_sealed_content() -> None:
    assert excerpt(" two\n\nlines\tof " + "x" * 500) == ("two lines of " + "x" * 107)
    assert excerpt(Sealed("key", b"n", b"c")) == ""
    assert excerpt(None) == ""
