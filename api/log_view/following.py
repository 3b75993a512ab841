"""Follows a conversation's events for one client: from a cut on, nothing lost, nothing twice.

    behind ──read from the log, piece by piece──▶ live ──too much came at once──▶ behind

Live records are kept back in a bounded buffer while the log is read up to them. A client that is slower than the log
loses its buffer, never an event: those are read again. So the memory of a stream does not depend on its client.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from api.conversations.ports import History, PastOutOfReach
from api.http.metrics import LOOKS_LIMITED
from api.log_view.events import event_json, event_of
from api.log_view.live_log import LiveLog
from api.log_view.places import in_order, with_cuts
from api.log_view.reading import Piece, Scope, read_piece
from api.streaming.pushed import frame
from api.streaming.readers import Reader
from projections.replay.looking_back import Check, LogSource
from schemas.conversation import ConversationDeleted
from topics.cuts import Cut, TopicPartition, format_cut
from topics.errors import LogError, LogUnavailable
from topics.log import RawRecord

MAX_HELD = 2000
MAX_HELD_BYTES = 256 * 1024
MAX_AT_ONCE = 500
EVENT = "log_event"
POSITION = "log_position"


class Watch:
    """The live records of one conversation, from `begin` on, until they are too many."""

    def __init__(self, conversation_id: str, user_id: str) -> None:
        self._keys = frozenset((conversation_id.encode(), user_id.encode()))
        self._held: deque[RawRecord] = deque()
        self._bytes = 0
        self._reader: Reader | None = None
        self.from_: Cut = {}
        self.on = False
        self.lost = False

    @property
    def keys(self) -> frozenset[bytes]:
        return self._keys

    def __len__(self) -> int:
        return len(self._held)

    def listen(self, reader: Reader) -> None:
        self._reader = reader

    def begin(self, at: Cut) -> None:
        """Keep what is appended from this cut on."""
        self.stop()
        self.from_, self.on = at, True

    def stop(self) -> None:
        """Keep nothing."""
        self._held.clear()
        self._bytes, self.on = 0, False

    def take(self, raw: RawRecord) -> None:
        place = raw.topic, raw.partition
        if not self.on or raw.offset < self.from_.get(place, raw.offset + 1):
            return
        if len(self._held) >= MAX_HELD or self._bytes > MAX_HELD_BYTES:
            self.stop()
            LOOKS_LIMITED.labels("slow").inc()
        else:
            self._held.append(raw)
            self._bytes += len(raw.value or b"")
        self._wake()

    def lose(self) -> None:
        self.lost = True
        self._wake()

    def taken(self) -> list[RawRecord]:
        """The oldest that were kept; they are kept no more."""
        records = [self._held.popleft() for _ in range(min(MAX_AT_ONCE, len(self._held)))]
        self._bytes -= sum(len(raw.value or b"") for raw in records)
        return records

    def _wake(self) -> None:
        if self._reader is not None:
            self._reader.wake()


class Following:
    """The PushedSource of a conversation's events after the cut `start`; None: from now on."""

    def __init__(self, live: LiveLog, history: History, scope: Scope, watch: Watch, start: Cut | None) -> None:
        """`watch` has joined `live`. Raises LogUnavailable."""
        self._live = live
        self._history = history
        self._scope = scope
        self._watch = watch
        now = self._now()
        self._at: dict[TopicPartition, int] = dict(now if start is None else start)
        self._told = False
        self._over = False
        if start is None:
            watch.begin(now)

    def listen(self, reader: Reader) -> None:
        self._watch.listen(reader)

    async def next(self) -> bytes | None:
        watch = self._watch
        try:
            if self._over or watch.lost:
                return None
            if not self._told:
                self._told = True
                return self.beat()
            if not watch.on:
                return await self._catch_up()
        except (LogError, PastOutOfReach):
            return None
        return self._frames(watch.taken()) if len(watch) else b""

    def beat(self) -> bytes:
        """Where to go on: what was appended meanwhile concerned others, and need not be read again."""
        if self._watch.on and not len(self._watch):
            with suppress(LogUnavailable):  # then the next look at the log ends the stream
                self._at = {place: max(offset, self._live.next_at(place)) for place, offset in self._at.items()}
        cut = format_cut(self._at)
        return frame(POSITION, {"asOf": cut}, cut)

    def close(self) -> None:
        self._live.leave(self._watch)

    async def _catch_up(self) -> bytes:
        now = self._now()
        target = {place: max(offset, self._at[place]) for place, offset in now.items()}
        self._watch.begin(target)
        if target == self._at:
            return b""
        start = dict(self._at)

        def work(log: LogSource, check: Check) -> tuple[Piece, bytes]:
            piece = read_piece(log, check, self._scope, start, target)
            return piece, self._frames(piece.records)

        piece, frames = await self._history.look(work)
        if not piece.whole:
            self._watch.stop()
        self._at = piece.reached
        return frames or self.beat()

    def _now(self) -> dict[TopicPartition, int]:
        return {place: self._live.next_at(place) for place in self._scope.places}

    def _frames(self, records: list[RawRecord]) -> bytes:
        out = []
        for _, raw, cut in with_cuts(in_order(records, self._scope.places), self._at):
            place = raw.topic, raw.partition
            self._at[place] = max(self._at[place], raw.offset + 1)
            event = event_of(raw)
            if event.conversation_id in (None, self._scope.conversation_id):
                out.append(frame(EVENT, event_json(event, cut), cut))
            self._over = self._over or isinstance(event.record, ConversationDeleted)
        return b"".join(out)
