"""Decides when a running child is hung. Pure: times are seconds of one steady clock."""

from __future__ import annotations

MAX_A_TURN_S = 1.0
"""What one turn of the listener may count: a stall of the whole host, which stops both, does not count as silence."""

EXCUSED_AT_MAX_S = 10.0
"""Silence this long is a hang, whatever excused it."""

QUERIES_AT_LEAST = 2
"""So many queries in a row must have failed, however long one of them took."""


class Silence:
    """How long a child has not beaten, counted only while it could have.

    A short limit is safe on a loaded host because two kinds of time do not count: turns in which a thread of the
    child waited for a processor or a disk (`excused`), and turns that came late for the listener itself.
    """

    def __init__(self, limit_s: float, beat: int | None, now_s: float) -> None:
        """`beat`: the last sign of life, any value that changes with each; None: it never beat."""
        self.limit_s = limit_s
        self._beat = beat
        self._looked_at_s = now_s
        self._counted_s = 0.0
        self._whole_s = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether it is worth knowing if the child is excused."""
        return self._whole_s > self.limit_s / 4

    def look(self, beat: int | None, now_s: float, *, excused: bool) -> str | None:
        """One turn of the listener. Says why the child is taken for hung, or None."""
        turn_s, self._looked_at_s = min(now_s - self._looked_at_s, MAX_A_TURN_S), now_s
        if beat is None or beat != self._beat:
            self._beat, self._counted_s, self._whole_s = beat, 0.0, 0.0
            return None
        self._whole_s += turn_s
        self._counted_s += 0.0 if excused else turn_s
        if self._counted_s > self.limit_s or self._whole_s > max(self.limit_s, EXCUSED_AT_MAX_S):
            return f"hung: no sign of life for {self._whole_s:.1f} s"
        return None


class Unanswered:
    """For how long every query of a server's health failed to get an answer. An answer that says "unwell" is one."""

    def __init__(self, limit_s: float | None) -> None:
        """`limit_s` None: never taken for hung."""
        self._limit_s = limit_s
        self._since_s: float | None = None
        self._failed = 0

    def answered(self) -> None:
        self._since_s, self._failed = None, 0

    def failed(self, asked_at_s: float, now_s: float) -> str | None:
        """A query got no answer. Says why the server is taken for hung, or None."""
        if self._since_s is None:
            self._since_s = asked_at_s
        self._failed += 1
        silent_s = now_s - self._since_s
        if self._limit_s is None or silent_s < self._limit_s or self._failed < QUERIES_AT_LEAST:
            return None
        return f"hung: no query answered for {silent_s:.0f} s"
