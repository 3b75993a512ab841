"""What an attempt's chunks say of parts, for the digest at its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.parts import AnswerPart, ChunkPart

FIRST_TEXT = ChunkPart(0, "text")
"""The part of a chunk that names none."""


class WrittenParts:
    """The parts of an answer as readers will have them, by lengths alone.

    `length`, `parts`: of the text that there is already; no parts: it is text alone. `first_text`: code points of text
    of part 0 beside what `more` was told of.
    """

    __slots__ = ("_index", "_length", "_open", "_whole", "first_text")

    def __init__(self, length: int = 0, parts: Sequence[AnswerPart] = ()) -> None:
        self._whole = list(parts[:-1])
        self._open = parts[-1] if parts else AnswerPart("text", 0, 0)
        self._index = max(len(parts) - 1, 0)
        self._length = self._open.length if parts else length
        self.first_text = 0

    def more(self, part: ChunkPart | None, length: int) -> None:
        """So many more code points, of this part."""
        self._length, self.first_text = self._length + self.first_text, 0
        if part is None or (part.index, part.kind) == (self._index, self._open.kind):
            self._length += length
        else:
            if part.index:
                self._whole.append(replace(self._open, length=self._length))
            self._open = AnswerPart(part.kind, 0, 0, part.call_id, part.name)
            self._index, self._length = part.index, length

    @property
    def all(self) -> tuple[AnswerPart, ...]:
        """As `topics.generation_fold.GenerationFold.parts`, without the counts of chunks; empty: text alone."""
        self.more(None, 0)
        last = replace(self._open, length=self._length)
        if not self._whole and (last.kind, last.call_id, last.name) == ("text", "", ""):
            return ()
        return (*self._whole, last)
