"""Decides how long later text may wait for that of other streams: not at all while few speak, until the next tick while
many do. Pure.

A record that leaves alone wakes the broker, every reader, and each of their threads, for one token. What many streams
say within a few milliseconds costs little more than one of them if it leaves together. Streams that are so fast that
each fills its records by itself gain nothing by a wait: they have no tick.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_TICK_S = 0.010
MIN_SPEAKERS = 4
"""With fewer streams nothing ever waits, however fast they are."""
BEGINS_AT = 4.0
"""Records that a tick would gather, from which on there is one."""
ENDS_BELOW = 2.5
QUICK_FROM = 400.0
"""Tokens a second of the average open stream, from which on nothing waits: each says several within a tick."""
QUICK_UNTIL = 300.0
"""Below this the tick may begin again."""
WINDOW_S = 0.25
"""How long the load is looked at before anything changes."""


class Tempo:
    """The tick of one worker. `tick_s` is 0 while nothing waits.

    Ticks are the multiples of `tick_s` of a clock that all processes of a machine share: what they send at one moment
    is read at one moment.
    """

    __slots__ = ("_quick", "_records", "_since_s", "_speakers", "_tokens", "tick_s")

    def __init__(self, now_s: float) -> None:
        self.tick_s = 0.0
        self._since_s = now_s
        self._records = 0
        self._tokens = 0
        self._quick = False
        self._speakers: set[str] = set()

    def left(self, speakers: Iterable[str], tokens: int, streams: int, now_s: float) -> bool:
        """A burst left that held something of each of these streams. True: `tick_s` is another now.

        `tokens`: how many have left so far, in all bursts. `streams`: how many are open now.
        """
        said = list(speakers)
        self._speakers.update(said)
        self._records += len(said)
        elapsed_s = now_s - self._since_s
        if elapsed_s < WINDOW_S:
            return False
        rate = (tokens - self._tokens) / elapsed_s / max(streams, 1)
        self._quick = rate >= (QUICK_UNTIL if self._quick else QUICK_FROM)
        gathered = self._records / elapsed_s * MAX_TICK_S
        enough = ENDS_BELOW if self.tick_s else BEGINS_AT
        many = len(self._speakers) >= MIN_SPEAKERS and gathered >= enough and not self._quick
        was_s, self.tick_s = self.tick_s, MAX_TICK_S if many else 0.0
        self._since_s, self._records, self._tokens = now_s, 0, tokens
        self._speakers.clear()
        return was_s != self.tick_s

    def next_s(self, now_s: float) -> float:
        """When the next tick is, at most `tick_s` from now; `now_s` while there is none."""
        return now_s if not self.tick_s else (now_s // self.tick_s + 1) * self.tick_s
