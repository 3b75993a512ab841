"""Assembles whole characters from pieces: bytes, halves of surrogate pairs, growing texts. Pure."""

from __future__ import annotations

import codecs

REPLACEMENT = "\ufffd"
MAX_BYTES_A_CHARACTER = 4


class Utf8Pieces:
    """Bytes in pieces to text: an unfinished character waits for its rest; invalid bytes become U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        return self._decoder.decode(piece)

    def flush(self) -> str:
        """What is left at the end: U+FFFD for a character that never was finished."""
        return self._decoder.decode(b"", final=True)


class SurrogatePieces:
    """Text with possibly halved surrogate pairs (JSON can carry them) to text that UTF-8 can carry."""

    def __init__(self) -> None:
        self._held = ""

    @property
    def waiting(self) -> bool:
        """Whether a first half waits for its second."""
        return bool(self._held)

    def feed(self, piece: str) -> str:
        text = self._held + piece
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def flush(self) -> str:
        return REPLACEMENT if self._held else ""


class HalfCharacters:
    """Pieces of text of engines that decode token by token: they show an unfinished character as U+FFFD, one for each
    token, and then the whole character. Replacement characters at the end of a piece wait for what follows.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The piece with what waited before it, or without it if that has become the character at its start."""
        if not self._held and piece[-1:] != REPLACEMENT:
            return piece
        settled = piece.rstrip(REPLACEMENT)
        waiting = piece[len(settled) :]
        if not settled:
            self._held += waiting
            return ""
        # Only what is no ASCII has halves, at most three of them.
        finished = not settled[0].isascii() and settled[0] != REPLACEMENT and len(self._held) < MAX_BYTES_A_CHARACTER
        text = settled if finished else self._held + settled
        self._held = waiting
        return text

    def flush(self) -> str:
        """What waited at the end: replacement characters that stayed."""
        held, self._held = self._held, ""
        return held


class GrowingText:
    """The new part of a text that is sent whole each time.

    Engines show an unfinished character at the end as U+FFFD and put the right one there later, so replacement
    characters at the end wait until something follows them.
    """

    def __init__(self) -> None:
        self._sent = ""
        self._whole = ""

    def feed(self, whole: str) -> str:
        """What is new in `whole`. Raises TextChanged if it does not begin with what already left."""
        if not whole.startswith(self._sent):
            raise TextChanged
        self._whole = whole
        settled = whole.rstrip(REPLACEMENT)
        if len(settled) <= len(self._sent):
            return ""
        new = settled[len(self._sent) :]
        self._sent = settled
        return new

    def cut_back(self, whole: str) -> bool:
        """Whether `whole` is less than what already left: the end of a text whose stop string was cut off."""
        return len(whole) < len(self._sent) and self._sent.startswith(whole)

    def flush(self) -> str:
        """What waited at the end: replacement characters that stayed."""
        rest, self._sent = self._whole[len(self._sent) :], self._whole
        return rest


class TextChanged(Exception):
    """A text that should only grow changed where it had already been read."""
