from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.cursors import BadCursor, decode_cursor, encode_cursor


@given(st.integers(0, 2**63 - 1), st.text(max_size=40))
def test_a_cursor_comes_back(number: int, text: str) -> None:
    assert decode_cursor(encode_cursor(number, text)) == (number, text)


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


NOT_OURS: tuple[object, ...] = (
    [],
    [1],
    {},
    ["a", "b"],
    [-1, "a"],
    [2**63, "a"],
    [True, "a"],
    [1, 2],
    [1.0, "a"],
    [1, "a", 2],
    None,
)
NESTED = base64.b64encode(b"[" * 700).decode().rstrip("=")


@pytest.mark.parametrize("cursor", ["", "x", "äöü", "=" * 8, "a" * 5000, "W" * 1000, NESTED, *map(cursor_of, NOT_OURS)])
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(cursor)


@given(st.text(max_size=60))
def test_no_text_does_worse_than_being_refused(cursor: str) -> None:
    try:
        decode_cursor(cursor)
    except BadCursor as error:
        assert isinstance(error, ValueError)
