"""What a stream holds of each chunk: its text as a JSON string, and where it belongs if that is no plain text. Pure.

Nearly every chunk is plain text, so that is bytes and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from schemas.outcome import ChunkMark
from schemas.parts import AnswerPart, ChunkPart, PartText, chunk_parts

_TEXT = ChunkPart(0, "text")


@dataclass(frozen=True, slots=True)
class PlacedPiece:
    """A chunk of a part other than the first text, or with logprobs. `text` is a JSON string.

    `opens`: it is the first of its part. `call`: of a tool call, which one of the answer it is, from 0; else -1.
    `logprobs`: a JSON array, empty where there are none.
    """

    text: bytes
    part: ChunkPart
    opens: bool
    call: int
    logprobs: bytes


Piece = bytes | PlacedPiece


def piece(text: str) -> bytes:
    """A plain chunk's text as the JSON string that every dialect carries. Never holds a line break."""
    return orjson.dumps(text)


class Placing:
    """Makes the pieces of one answer's chunks that are more than plain text, in their order."""

    __slots__ = ("_call", "_part")

    def __init__(self) -> None:
        self._part: ChunkPart | None = None
        self._call = -1

    def piece(self, delta: str, part: ChunkPart | None, logprobs: str) -> Piece:
        """The piece of the next chunk; of a plain one `piece` may be used instead."""
        if not logprobs and (part is None or part == _TEXT):
            return piece(delta)
        part = part or _TEXT
        opens = self._part is None or part.index != self._part.index
        if opens:
            self._part = part
            self._call += part.kind == "tool_call"
        call = self._call if part.kind == "tool_call" else -1
        return PlacedPiece(orjson.dumps(delta), part, opens, call, logprobs.encode())


def pieces_of(
    text: str,
    marks: Sequence[ChunkMark],
    parts: Sequence[AnswerPart],
    logprobs: Sequence[str],
    placing: Placing | None = None,
) -> list[Piece]:
    """The pieces of the chunks that a fold or an outcome tells of, one for each mark: the same as those of the records.

    `placing` has seen them all afterwards.
    """
    found: list[Piece] = []
    place = 0
    if not parts and not logprobs:
        for mark in marks:
            found.append(piece(text[place : place + mark.length]))
            place += mark.length
        return found
    placing = placing or Placing()
    told = [*logprobs[: len(marks)], *[""] * (len(marks) - len(logprobs))]
    for mark, part, probable in zip(marks, chunk_parts(parts, len(marks)), told, strict=True):
        found.append(placing.piece(text[place : place + mark.length], part, probable))
        place += mark.length
    return found


def parts_said(pieces: Iterable[Piece]) -> Iterator[PartText]:
    """The parts of an answer with their texts, joined again from its pieces."""
    part, texts = _TEXT, list[str]()
    for each in pieces:
        if type(each) is bytes:
            texts.append(orjson.loads(each))
            continue
        assert isinstance(each, PlacedPiece)  # noqa: S101 - the other half of the union
        if each.opens and each.part.index:
            if texts:
                yield PartText(part.kind, "".join(texts), part.call_id, part.name)
            texts = []
        if each.opens:
            part = each.part
        texts.append(orjson.loads(each.text))
    if texts:
        yield PartText(part.kind, "".join(texts), part.call_id, part.name)
