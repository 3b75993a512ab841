"""A conversation's events in pages, newest first, read from the log turn by turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from api.conversations.ports import History
from api.log_view.events import LogEvent, event_json, event_of
from api.log_view.places import OrderKey, in_order, newest_first
from api.log_view.ports import PlaceReads
from api.log_view.reading import ENDED_MS, SKEW_MS, Found, Scope, Span, read_span
from api.log_view.wanted import Before, Wanted
from infra.clock import monotonic_s
from projections.messages.turns import TurnPlace
from projections.order import place
from projections.replay.looking_back import Check, LogSource
from topics.cuts import Cut, TopicPartition, format_cut
from topics.log import RawRecord

MAX_BYTES = 4 * 1024 * 1024
"""A page's records together, unless a single one is larger."""
PATIENCE_S = 4.0
"""A page that takes longer is given out as it is; the cursor goes on from there."""
_FIRST_TURNS, _FIRST_TURNS_WITHOUT_CHUNKS, _MAX_TURNS = 2, 32, 64
_LOOKED_AHEAD = 50
"""So many older turns are looked at for one that lasted into what is shown."""
_NEVER = OrderKey(2**62, 0, 0)


class EventPages:
    """Pages of one conversation. `first`: the order key of its first record, appended at about `begun_ms`."""

    def __init__(self, reads: PlaceReads, history: History, scope: Scope, first: int, begun_ms: int) -> None:
        self._reads = reads
        self._history = history
        self._scope = scope
        self._first = first
        self._begun_ms = begun_ms

    async def page(self, wanted: Wanted) -> dict[str, Any]:
        """The newest events before `wanted.before`, oldest first. Raises PastOutOfReach, LogError, StoreUnavailable."""
        gathered = _Gathered(self._scope, wanted)
        until_s = monotonic_s() + PATIENCE_S
        if wanted.generation is not None:
            turn = wanted.generation
            page = await self._gather(gathered, of_one_turn(turn, wanted), [turn], (), until_s)
            assert page is not None  # noqa: S101 - there is no older turn to be read
            return page
        size = _FIRST_TURNS if wanted.with_chunks else _FIRST_TURNS_WITHOUT_CHUNKS
        below = None if wanted.before is None else wanted.before.turn
        while True:
            turns = await self._reads.turn_places(self._scope.conversation_id, below, size + _LOOKED_AHEAD)
            group, older = turns[:size], turns[size:]
            span = self._span(wanted, group, bool(older), gathered.start, below)
            page = await self._gather(gathered, span, group, older, until_s)
            if page is not None:
                return page
            below = group[-1].cause
            size = min(2 * size, _MAX_TURNS)

    def _span(
        self, wanted: Wanted, group: Sequence[TurnPlace], older: bool, stop: Cut | None, below: int | None
    ) -> Span:
        first, since_ms = self._first, self._begun_ms
        if older:
            first, since_ms = group[-1].cause, group[-1].asked_at_us // 1000
        before = wanted.before
        return Span(
            first,
            since_ms,
            group,
            stop=stop,
            said_until=below,
            until_ms=None if before is None else before.key.at_ms,
            chunks=wanted.with_chunks,
            stream=wanted.with_stream,
        )

    async def _gather(
        self,
        gathered: _Gathered,
        span: Span,
        turns: Sequence[TurnPlace],
        older: Sequence[TurnPlace],
        until_s: float,
    ) -> dict[str, Any] | None:
        """Read a span. Returns the page, if it is one by now: made here too, as thousands of records would keep the
        event loop from everybody's tokens."""
        scope, kept = self._scope, gathered.bytes

        def work(log: LogSource, check: Check) -> dict[str, Any] | None:
            found = read_span(log, lambda more: check(kept + more), scope, span)
            gathered.add(found, turns, older)
            late = monotonic_s() > until_s
            return gathered.page() if gathered.enough or (late and gathered.further_than_before) else None

        return await self._history.look(work)


def of_one_turn(turn: TurnPlace, wanted: Wanted | None = None) -> Span:
    """All that concerns a single turn: its command, and what followed from it within ten minutes of its end."""
    first = turn.cause
    ended_ms = None if turn.ended_at_us is None else max(turn.ended_at_us, turn.asked_at_us) // 1000 + 10 * SKEW_MS
    return Span(
        first,
        turn.asked_at_us // 1000,
        [turn],
        said_until=first + 1,
        until_ms=ended_ms,
        chunks=wanted is None or wanted.with_chunks,
        stream=wanted is None or wanted.with_stream,
    )


_Shown = tuple[OrderKey, RawRecord, str, LogEvent]


class _Gathered:
    """What was read so far, from the newest turns to older ones."""

    def __init__(self, scope: Scope, wanted: Wanted) -> None:
        self._scope = scope
        self._wanted = wanted
        self._records: dict[tuple[str, int, int], RawRecord] = {}
        self.bytes = 0
        self._turns: list[TurnPlace] = []
        self._floor = OrderKey(0, 0, 0)
        self._end: Cut = {}
        self._shown: list[_Shown] = []
        self.start: dict[TopicPartition, int] | None = None
        self.enough = False

    @property
    def further_than_before(self) -> bool:
        """Whether a cursor now would lead further than the one that was asked with."""
        before = self._wanted.before
        return self._floor < (_NEVER if before is None else before.key)

    def add(self, found: Found, turns: Sequence[TurnPlace], older: Sequence[TurnPlace]) -> None:
        """Take what was read of `turns`; there are `older` ones, the next of which are these."""
        self._end = self._end or found.end
        for raw in found.records:
            self._records[raw.topic, raw.partition, raw.offset] = raw
        self.bytes = sum(len(raw.value or b"") for raw in self._records.values())
        earlier = self.start or {}
        self.start = {p: min(offset, earlier.get(p, offset)) for p, offset in found.start.items()}
        self._turns += turns
        keyed = in_order(self._records.values(), self._scope.places)
        self._floor = self._floor_of(keyed, turns, older)
        self._shown = list(islice(self._wanted_ones(keyed), self._wanted.limit + 1))[::-1]
        self.enough = not older or len(self._shown) >= self._wanted.limit

    def _wanted_ones(self, keyed: Sequence[tuple[OrderKey, RawRecord]]) -> Iterator[_Shown]:
        """What the page shows, the newest first."""
        wanted, before = self._wanted, self._wanted.before
        for key, raw, cut in newest_first(keyed, self.start or {}):
            if key < self._floor:
                return
            if (before is not None and key >= before.key) or not wanted.may_match(raw):
                continue
            event = event_of(raw)
            if self._is_own(event) and wanted.matches(event):
                yield key, raw, format_cut(cut), event

    def _floor_of(
        self, keyed: Sequence[tuple[OrderKey, RawRecord]], turns: Sequence[TurnPlace], older: Sequence[TurnPlace]
    ) -> OrderKey:
        """From where on nothing is missing: older turns may have lasted into what was read."""
        if not older:
            return OrderKey(0, 0, 0)
        epoch, offset = place(turns[-1].cause)
        said = *self._scope.said[epoch], offset
        command = next((key for key, raw in keyed if (raw.topic, raw.partition, raw.offset) == said), _NEVER)
        lasted_us = max(_NEVER.at_ms if turn.ended_at_us is None else turn.ended_at_us for turn in older)
        return max(command, OrderKey(lasted_us // 1000 + ENDED_MS, 0, 0))

    def _is_own(self, event: LogEvent) -> bool:
        """The bills of a user's other conversations were only told apart by a text in them."""
        return event.conversation_id in (None, self._scope.conversation_id)

    def page(self) -> dict[str, Any]:
        shown = _newest(self._shown, self._wanted.limit)
        below = shown[0][0] if len(shown) < len(self._shown) else self._floor
        cursor = None
        if below > OrderKey(0, 0, 0):
            later = [turn.cause for turn in self._turns if turn.asked_at_us // 1000 > below.at_ms + SKEW_MS]
            bound = None if self._wanted.before is None else self._wanted.before.turn
            cursor = Before(below, min(later, default=bound)).as_cursor()
        return {
            "data": [event_json(event, cut) for _, _, cut, event in shown],
            "nextBefore": cursor,
            "asOf": format_cut(self._end),
        }


def _newest(shown: list[_Shown], limit: int) -> list[_Shown]:
    """The last ones, at most `limit` and MAX_BYTES, but one at least."""
    size = 0
    for count, (_, raw, _, _) in enumerate(reversed(shown)):
        size += len(raw.value or b"")
        if count >= limit or (count and size > MAX_BYTES):
            return shown[len(shown) - count :]
    return shown
