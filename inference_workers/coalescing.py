"""What leaves when: at once while the pipe is calm, together with others while it is busy, within a limit. Pure.

Text leaves in bursts. A burst takes everything that waits, and the next may leave while fewer than `MAX_BURSTS` are
under way: so a calm log gets a record a token at once, and a slow one gets fewer and fuller requests instead of a
queue, however slow it is. What has waited for `max_wait_s` leaves anyway.

Why not simply a linger: a producer has five requests under way at most, and librdkafka spins while it has records it
may not send; a linger shorter than a fifth of the acknowledgement time therefore burns a core and delays for 300 ms.
"""

from __future__ import annotations

MAX_BURSTS = 2


class Pipe:
    """The gate of one partition. The caller sends a burst whenever it is told to, and reports its records' acks."""

    __slots__ = ("_bursts", "_max_wait_s", "_waiting_since_s", "in_flight")

    def __init__(self, max_wait_s: float) -> None:
        self._max_wait_s = max_wait_s
        self._waiting_since_s: float | None = None
        self._bursts = 0
        self.in_flight = 0

    @property
    def calm(self) -> bool:
        """Whether nothing is under way."""
        return not self.in_flight

    def arrived(self, now_s: float) -> bool:
        """Something waits to leave. True: a burst may leave now."""
        if self._waiting_since_s is None:
            self._waiting_since_s = now_s
        return self._bursts < MAX_BURSTS

    def due_s(self) -> float | None:
        """When what waits must leave at the latest; None if nothing waits."""
        return None if self._waiting_since_s is None else self._waiting_since_s + self._max_wait_s

    def sent(self, records: int) -> None:
        """A burst of everything that waited has left."""
        self._waiting_since_s = None
        if records:
            self._bursts += 1

    def burst_acknowledged(self) -> bool:
        """A burst's last record was acknowledged. True: what waits may leave now."""
        self._bursts -= 1
        return self._waiting_since_s is not None and self._bursts < MAX_BURSTS


class Gathered:
    """One attempt's text between bursts. Shut until `open`: its start must be acknowledged first."""

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
