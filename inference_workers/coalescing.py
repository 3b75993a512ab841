"""Decides which text leaves together: at once while the producer is idle, in batches while it is busy. Pure.

Everything that waits leaves in one burst, and the next burst leaves when all of the last is acknowledged. So a calm log
gets a record a token at once, and a slow one gets fewer and fuller requests instead of a queue, however slow it is.
While many streams speak, `ticking` adds a short wait, so that the bursts of a quick log are not of a token each.

Why not a time limit, and a linger instead: an idempotent librdkafka producer has five messages of a partition under way
at most, and while it holds another its thread spins at full speed. Whatever is produced before the acknowledgement
reaches no reader sooner, and wastes a core.
"""

from __future__ import annotations


class Pipe:
    """The gate of one partition: the caller sends a burst whenever it is told to, and reports its acknowledgements."""

    __slots__ = ("_in_flight", "_waiting")

    def __init__(self) -> None:
        self._in_flight = 0
        self._waiting = False

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._in_flight

    def arrived(self) -> bool:
        """Something waits to leave. True: a burst may leave now."""
        self._waiting = True
        return not self._in_flight

    def sent(self, records: int) -> None:
        """A burst of everything that waited has left."""
        self._waiting = False
        self._in_flight += records

    def acknowledged(self) -> bool:
        """A record was acknowledged (or refused for good). True: what waits may leave now."""
        self._in_flight -= 1
        return self._waiting and not self._in_flight


class Gathered:
    """One attempt's text between bursts. Nothing of it leaves until `opened`: its start must be acknowledged first."""

    __slots__ = ("_texts", "_tokens", "opened")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._tokens = 0
        self.opened = False

    def __bool__(self) -> bool:
        return bool(self._texts)

    def put(self, text: str, tokens: int) -> None:
        self._texts.append(text)
        self._tokens += tokens

    def take(self) -> tuple[str, int]:
        """Everything that waits, as (text, tokens) of one record."""
        text = self._texts[0] if len(self._texts) == 1 else "".join(self._texts)
        tokens, self._tokens = self._tokens, 0
        self._texts.clear()
        return text, tokens
