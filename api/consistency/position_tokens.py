"""Position tokens: a write returns one, and a read that sends it back sees at least that write. Pure.

`conversation-events/0/123` says offset 123 of that partition, `generation/<id>` the outcome of a finished generation;
several are separated by commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_PARTS = 32
_MAX_CHARACTERS = 4096
_OFFSET = re.compile(r"([a-z][a-z0-9.-]{0,99})/([0-9]{1,6})/([0-9]{1,18})")
_GENERATION = re.compile(r"generation/([0-9a-f-]{36})")


class BadPositionToken(Exception):
    """A position token that no write answered."""


@dataclass(frozen=True, slots=True)
class PositionToken:
    """`offsets`: by (topic, partition), the newest offset to be seen. `generations`: outcomes to be seen."""

    offsets: tuple[tuple[tuple[str, int], int], ...] = ()
    generations: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.offsets or self.generations)

    def __str__(self) -> str:
        places = (f"{topic}/{partition}/{offset}" for (topic, partition), offset in self.offsets)
        return ",".join([*places, *(f"generation/{generation}" for generation in self.generations)])


def token_of(offsets: Iterable[tuple[str, int, int]] = (), generations: Iterable[str] = ()) -> PositionToken:
    """One token of (topic, partition, offset) triples, the newest of each partition, and generation ids."""
    newest: dict[tuple[str, int], int] = {}
    for topic, partition, offset in offsets:
        place = (topic, partition)
        newest[place] = max(offset, newest.get(place, -1))
    return PositionToken(tuple(newest.items()), tuple(dict.fromkeys(generations)))


def join(*tokens: PositionToken) -> PositionToken:
    """A token that asks for everything these ask for."""
    return token_of(
        ((topic, partition, offset) for token in tokens for (topic, partition), offset in token.offsets),
        (generation for token in tokens for generation in token.generations),
    )


def parse(header: str | None) -> PositionToken:
    """The token in a header; an empty one for None or "". Raises BadPositionToken."""
    if not header or not header.strip():
        return PositionToken()
    parts = header.split(",") if len(header) <= _MAX_CHARACTERS else []
    if not 0 < len(parts) <= MAX_PARTS:
        raise BadPositionToken(f"a position holds 1 to {MAX_PARTS} parts in {_MAX_CHARACTERS} characters")
    offsets, generations = [], []
    for part in map(str.strip, parts):
        if place := _OFFSET.fullmatch(part):
            offsets.append((place[1], int(place[2]), int(place[3])))
        elif generation := _GENERATION.fullmatch(part):
            generations.append(generation[1])
        else:
            raise BadPositionToken("a part of a position is TOPIC/PARTITION/OFFSET or generation/ID")
    return token_of(offsets, generations)
