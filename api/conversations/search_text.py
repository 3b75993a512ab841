"""Searches texts for words, ignoring case and accents, and cuts snippets. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

PIECE_CHARACTERS = 32_768
"""Texts are folded in pieces of this size, so that a long one does not block other work."""
_BEFORE_CHARACTERS = 60
_AFTER_CHARACTERS = 100
_MATCH_CHARACTERS = 400
_WORD_CHARACTERS = 20
# Marks that stand on or around other characters, and what is not seen at all.
_DROPPED = frozenset({"Mn", "Me", "Cf"})
_MAX_KNOWN = 20_000


class _Folds(dict[int, str]):
    """By character what it is compared as, for str.translate; remembers a bounded number of them."""

    def __missing__(self, point: int) -> str:
        found = _folded_character(chr(point))
        if len(self) < _MAX_KNOWN:
            self[point] = found
        return found


def _folded_character(character: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(part for part in plain if unicodedata.category(part) not in _DROPPED)


_FOLDS = _Folds()


def folded(text: str) -> str:
    """What a text is compared as: without case, accents and invisible characters. Of each character by itself, so that
    the pieces of a text fold as the whole does."""
    return text.lower() if text.isascii() else text.translate(_FOLDS)


def folded_pieces(text: str) -> Iterator[str]:
    """The pieces of a folded text, each folded when it is asked for."""
    for start in range(0, len(text), PIECE_CHARACTERS):
        yield folded(text[start : start + PIECE_CHARACTERS])


def words_of(asked: str) -> tuple[str, ...]:
    """The folded words, each once; none if there is nothing to look for."""
    seen = "".join(" " if unicodedata.category(c) == "Cc" else c for c in asked)
    return tuple(dict.fromkeys(folded(seen).split()))


@dataclass(frozen=True, slots=True)
class Snippet:
    """One line around a match. `start`, `end`: where the match stands in it, in UTF-16 units, as browsers count."""

    text: str
    start: int
    end: int


def snippet(text: str, pieces: list[str], words: tuple[str, ...]) -> Snippet:
    """What is shown of a text (and its folded `pieces`) that holds all words: around them in a row, else around the
    longest."""
    whole = "".join(pieces)
    phrase = " ".join(words)
    wanted = phrase if phrase in whole else max(words, key=len)
    at = whole.index(wanted)
    start, _ = _original(text, pieces, at)
    _, end = _original(text, pieces, at + len(wanted) - 1)
    while end < len(text) and not _fold_of(text[end]):
        end += 1
    # Between two letters there may be any number of marks.
    end = min(end, start + _MATCH_CHARACTERS)
    before, after = _before(text, start), _after(text, end)
    match = _line(text[start:end]).strip()
    return Snippet(before + match + after, _units(before), _units(before) + _units(match))


def _fold_of(character: str) -> str:
    return character.lower() if character.isascii() else _FOLDS[ord(character)]


def _original(text: str, pieces: list[str], at: int) -> tuple[int, int]:
    """The place (from, to) in a text of the character that a character of its folded pieces was made of."""
    passed = 0
    for number, piece in enumerate(pieces):
        if at < passed + len(piece):
            for place in range(number * PIECE_CHARACTERS, len(text)):
                passed += len(_fold_of(text[place]))
                if at < passed:
                    return place, place + 1
        passed += len(piece)
    raise ValueError(at)


def _before(text: str, start: int) -> str:
    first = max(0, start - _BEFORE_CHARACTERS)
    cut = text[first:start]
    if first > 0:
        # From the next word on, if it begins soon.
        space = next((n for n, c in enumerate(cut[:_WORD_CHARACTERS]) if c.isspace()), 0)
        cut = "…" + _line(cut[space:]).lstrip()
    return _line(cut) if first > 0 else _line(cut).lstrip()


def _after(text: str, end: int) -> str:
    last = min(len(text), end + _AFTER_CHARACTERS)
    cut = text[end:last]
    if last < len(text):
        ending = cut[-_WORD_CHARACTERS:]
        space = next((n for n, c in enumerate(reversed(ending)) if c.isspace()), 0)
        return _line(cut[: len(cut) - space]).rstrip() + "…"
    return _line(cut).rstrip()


def _line(text: str) -> str:
    """In one line, with nothing that turns the direction of what stands beside it."""
    shown = "".join(" " if c.isspace() or unicodedata.category(c) == "Cc" else c for c in text if not _turns(c))
    return "".join(c for n, c in enumerate(shown) if c != " " or n == 0 or shown[n - 1] != " ")


def _turns(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def _units(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
