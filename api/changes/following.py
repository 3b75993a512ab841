"""Follows one user's changes for one client: from a position on, nothing lost, or told that something may be.

It says `ready`, is behind until it has read the log up to now, piece by piece, and then passes on what comes. Where the
past is out of reach, or too much came at once, it says `reset` and goes on from now.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import orjson

from api.changes.catching_up import CatchingUp, Wanted
from api.changes.hub import ChangeHub, Feed, Told, in_time
from api.consistency.position_tokens import MAX_PARTS, token_of
from api.streaming.readers import Reader
from topics.catalogue import GENERATION_OUTCOMES
from topics.cuts import Cut, TopicPartition, format_cut
from topics.errors import LogUnavailable

READY = "ready"
CHANGED = "changed"
RESET = "reset"
POSITION = "position"
MAX_PIECES = 10
"""After so many reads of the log a reader is told to read its lists instead."""


class Following:
    """The PushedSource of a user's changes after the cut `start`; None: from now on."""

    def __init__(self, hub: ChangeHub, catching_up: CatchingUp, feed: Feed, start: Cut | None) -> None:
        """`feed` is open. Raises LogUnavailable."""
        self._hub = hub
        self._catching_up = catching_up
        self._feed = feed
        self._target = hub.now()
        self._resumed = start is not None
        self._at: dict[TopicPartition, int] = dict(self._target if start is None else start)
        self._is_behind = start is not None and self._at != self._target
        self._pieces = 0
        self._told = False

    def listen(self, reader: Reader) -> None:
        self._feed.listen(reader)

    async def next(self) -> bytes | None:
        feed = self._feed
        if feed.over:
            return None
        if not self._told:
            self._told = True
            return self._frame(READY, {"resumed": True} if self._resumed else self._shown())
        if feed.lapsed:
            return self._reset()
        if self._is_behind:
            return await self._catch_up()
        return self._live_frames() if len(feed) else b""

    def beat(self) -> bytes:
        """Where to go on: what was appended meanwhile concerned others, and need not be read again."""
        if not self._is_behind and not len(self._feed):
            self._advance()
        return self._frame(POSITION, {})

    def close(self) -> None:
        self._hub.close(self._feed)

    async def _catch_up(self) -> bytes:
        wanted = Wanted(self._feed.user_id, self._at, self._target)
        self._pieces += 1
        await self._catching_up.read(wanted)
        if wanted.out_of_reach or self._feed.lapsed:
            return self._reset()
        frames = self._frames(in_time(wanted.found))
        self._at.update(wanted.reached)
        self._is_behind = not wanted.whole
        if self._is_behind and self._pieces >= MAX_PIECES:
            return frames + self._reset()
        return frames or self.beat()

    def _live_frames(self) -> bytes:
        frames = self._frames(self._feed.taken())
        self._advance()
        return frames

    def _advance(self) -> None:
        with suppress(LogUnavailable):  # then the tail has ended, and with it the feed
            now = self._hub.now()
            # Another process, which told the position, may have been ahead of this one.
            self._at = {place: max(offset, self._at.get(place, 0)) for place, offset in now.items()}

    def _frames(self, records: Iterable[Told]) -> bytes:
        """A record that tells several changes is told when the last one has been: that one has its id."""
        out = []
        for place, offset, _, changes in records:
            if offset < self._at.get(place, 0):
                continue
            self._at[place] = offset + 1
            *others, last = changes
            out += [_frame(CHANGED, change) for change in others]
            out.append(_frame(CHANGED, last, format_cut(self._at)))
        return b"".join(out)

    def _frame(self, name: str, data: dict[str, Any]) -> bytes:
        return _frame(name, orjson.dumps(data), format_cut(self._at))

    def _reset(self) -> bytes:
        """Nothing before now is told any more."""
        self._feed.begin_again()
        self._is_behind = False
        with suppress(LogUnavailable):
            self._at = self._hub.now()
        return self._frame(RESET, self._shown())

    def _shown(self) -> dict[str, Any]:
        """What reads send to see all before this place, where a header has room for it."""
        shown = [
            (topic, partition, at - 1)
            for (topic, partition), at in self._at.items()
            if at and topic != GENERATION_OUTCOMES
        ]
        return {"position": str(token_of(shown))} if len(shown) <= MAX_PARTS else {}


def _frame(name: str, data: bytes, at: str | None = None) -> bytes:
    head = b"" if at is None else b"id: %b\n" % at.encode()
    return head + b"event: %b\ndata: %b\n\n" % (name.encode(), data)
