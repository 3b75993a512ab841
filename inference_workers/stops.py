"""Finds stop strings across chunk borders, and holds back text that may begin one. Pure."""

from __future__ import annotations

from collections.abc import Sequence


class StopScanner:
    """Feeds text through; what comes out never contains a stop string nor any part of the one that ended it.

    Only the characters that could begin a stop string are held back, so most text leaves at once.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """The text that may leave now. After a stop string was seen, nothing leaves any more."""
        if not self._stops or self.stopped:
            return "" if self.stopped else text
        buffer = self._held + text
        hits = [at for stop in self._stops if (at := buffer.find(stop)) >= 0]
        if hits:
            self.stopped, self._held = True, ""
            return buffer[: min(hits)]
        keep = self._possible_beginning(buffer)
        self._held = buffer[keep:]
        return buffer[:keep]

    def flush(self) -> str:
        """What was held back and turned out to be no stop string, at the end of the text."""
        held, self._held = self._held, ""
        return held

    def _possible_beginning(self, buffer: str) -> int:
        """Index of the first character from which the rest of `buffer` could be the beginning of a stop string."""
        for at in range(max(0, len(buffer) - self._longest + 1), len(buffer)):
            tail = buffer[at:]
            if any(stop.startswith(tail) for stop in self._stops):
                return at
        return len(buffer)
