"""Words are found whatever their case and accents, and what is shown stands where it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conversations import search_text
from api.conversations.search_text import Snippet, folded, folded_pieces, snippet, words_of


def shown(text: str, asked: str) -> Snippet | None:
    """What a search shows of a text; None: it does not hold all words."""
    pieces, words = list(folded_pieces(text)), words_of(asked)
    return snippet(text, pieces, words) if all(word in "".join(pieces) for word in words) else None


def marked(found: Snippet) -> str:
    """The match as a browser cuts it out: by UTF-16 units."""
    units = found.text.encode("utf-16-le")
    return units[2 * found.start : 2 * found.end].decode("utf-16-le")


@pytest.mark.parametrize(
    ("text", "asked", "match"),
    [
        ("A Straße in Köln", "strasse", "Straße"),
        ("A Straße in Köln", "KOLN", "Köln"),
        ("Crème Bru\u0302le\u0301e!", "brulee", "Bru\u0302le\u0301e"),
        ("creme", "crème", "creme"),
        ("İstanbul", "istanbul", "İstanbul"),
        ("ΟΔΟΣ", "οδος", "ΟΔΟΣ"),
        ("ｆｕｌｌ width", "FULL", "ｆｕｌｌ"),
        ("ﬁnal", "final", "ﬁnal"),
        ("soft\u00adhyphen", "softhyphen", "soft\u00adhyphen"),
        ("👩‍👩‍👧 family 👍🏽 thumb", "thumb", "thumb"),
        ("日本語の文章", "文章", "文章"),
        ("one two three", "three one", "three"),
        ("see the parser", "the parser", "the parser"),
        ("Straße", "s e", "S"),
    ],
)
def test_what_is_found(text: str, asked: str, match: str) -> None:
    found = shown(text, asked)
    assert found is not None
    assert (found.text, marked(found)) == (text, match)


@pytest.mark.parametrize(("text", "asked"), [("one two", "one three"), ("", "x"), ("abc", "abd"), ("ab c", "abc")])
def test_what_is_not_found(text: str, asked: str) -> None:
    assert shown(text, asked) is None


@pytest.mark.parametrize("asked", ["", "  \n", "\u0301", "\u200d \u200b", "\x00\x1b"])
def test_questions_without_a_word(asked: str) -> None:
    assert words_of(asked) == ()


def test_a_snippet_is_one_line_with_the_match_in_the_middle() -> None:
    text = "long ago " * 50 + "\n\n the\tneedle\n\nin " + "a haystack " * 50
    found = shown(text, "needle")
    assert found is not None
    assert found.text.startswith("…ago ")
    assert "ago the needle in a" in found.text
    assert found.text.endswith("…")
    assert len(found.text) < 200
    assert "\n" not in found.text
    assert marked(found) == "needle"


def test_a_snippet_is_short_whatever_stands_between_two_letters() -> None:
    found = shown("a" + "\u0301" * 100_000 + "bc", "abc")
    assert found is not None
    assert len(found.text) < 600


def test_nothing_in_a_snippet_turns_the_direction() -> None:
    found = shown("\u202eevil\u202c needle \u2066x\u2069 \x07", "needle")
    assert found == Snippet("evil needle x", 5, 11)


@given(st.text(), st.text())
def test_pieces_fold_as_the_whole_does(one: str, other: str) -> None:
    assert folded(one) + folded(other) == folded(one + other)


@given(st.text(max_size=300), st.data())
def test_every_part_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    asked = text[start : start + data.draw(st.integers(1, 200))]
    if words_of(asked):
        found = shown(text, asked)
        assert found is not None
        assert 0 <= found.start < found.end <= len(found.text.encode("utf-16-le")) // 2
        assert max(words_of(asked), key=len) in folded(marked(found))


def test_a_match_is_found_in_any_piece_and_across_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_text, "PIECE_CHARACTERS", 4)
    for before in range(12):
        found = shown("ß" * before + " Nädel " + "x" * 9, "NADEL")
        assert found is not None
        assert marked(found) == "Nädel"


def test_what_is_remembered_of_characters_is_bounded() -> None:
    folded("".join(map(chr, range(0x3000, 0xD000))))
    assert len(search_text._FOLDS) <= 20_000
