"""Whole characters out of pieces, and stop strings across pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.stops import StopScanner
from inference_workers.text import GrowingText, SurrogatePieces, TextChanged, Utf8Pieces

TEXTS = st.text(alphabet="ab€🎉é\n", max_size=30)


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(edges)]


@given(TEXTS, st.lists(st.integers(0, 200), max_size=10))
def test_bytes_cut_anywhere_give_the_text(text: str, places: list[int]) -> None:
    pieces = Utf8Pieces()
    out = [pieces.feed(piece) for piece in cut(text.encode(), places)]
    assert "".join(out) + pieces.flush() == text
    assert not any("\ufffd" in piece for piece in out)


def test_what_never_becomes_a_character_is_shown_as_such() -> None:
    pieces = Utf8Pieces()
    assert pieces.feed("€".encode()[:2]) == ""
    assert pieces.flush() == "\ufffd"
    assert Utf8Pieces().feed(b"a\xffb") == "a\ufffdb"


@given(TEXTS)
def test_halved_pairs_are_joined(text: str) -> None:
    pieces, out = SurrogatePieces(), ""
    units = text.encode("utf-16-le")
    for at in range(0, len(units), 2):
        out += pieces.feed(units[at : at + 2].decode("utf-16-le", "surrogatepass"))
    assert out + pieces.flush() == text


def test_a_half_alone_becomes_encodable() -> None:
    pieces = SurrogatePieces()
    assert pieces.feed("a\ud83d") == "a"
    assert pieces.waiting
    assert pieces.feed("b") == "\ufffdb"
    assert pieces.feed("\udc00") == "\ufffd"


@given(TEXTS, st.lists(st.integers(0, 200), max_size=10))
def test_growing_text_gives_its_growth(text: str, places: list[int]) -> None:
    growing, out, whole = GrowingText(), "", b""
    for piece in cut(text.encode(), places):
        whole += piece
        out += growing.feed(whole.decode("utf-8", "replace"))
    assert out + growing.flush() == text


def test_text_that_changes_is_told() -> None:
    growing = GrowingText()
    growing.feed("one")
    with pytest.raises(TextChanged):
        growing.feed("two")


def expected(text: str, stops: tuple[str, ...]) -> str:
    hits = [text.find(stop) for stop in stops if stop and stop in text]
    return text[: min(hits)] if hits else text


@given(
    st.text(alphabet="abc", max_size=30),
    st.lists(st.text(alphabet="abc", max_size=4), max_size=4).map(tuple),
    st.lists(st.integers(1, 5), max_size=30),
)
def test_stop_strings_are_cut_wherever_the_pieces_end(text: str, stops: tuple[str, ...], sizes: list[int]) -> None:
    scanner, out, at = StopScanner(stops), "", 0
    for size in [*sizes, len(text)]:
        out += scanner.feed(text[at : at + size])
        at += size
        # What has left never has to be taken back.
        assert expected(text, stops).startswith(out) or scanner.stopped
    out += scanner.flush()
    first = expected(text, stops)
    assert out == first
    assert scanner.stopped == (first != text or any(stop and stop in text for stop in stops))


def test_only_a_possible_beginning_is_held_back() -> None:
    scanner = StopScanner(["STOP"])
    assert scanner.feed("abc S") == "abc "
    assert scanner.feed("ofa ST") == "Sofa "
    assert scanner.feed("OP more") == ""
    assert scanner.stopped
    assert scanner.feed("x") == ""
    assert scanner.flush() == ""
