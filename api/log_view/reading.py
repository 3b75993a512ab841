"""Reads the records of one conversation from the log. Blocking: it runs in the history reader's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from api.log_view.places import concerning, own_places, topics_shown
from infra.clock import monotonic_s
from projections.messages.turns import TurnPlace
from projections.order import place as order_place
from projections.replay.looking_back import Check, LogSource, starts_from
from projections.replay.spooling import close
from schemas.codec import record_type_of
from schemas.generation import TokenChunk
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, Catalogue
from topics.cuts import Cut, TopicPartition, checked_cut
from topics.log import RawRecord

SKEW_MS = 60_000
"""Clocks may differ by so much, and a record's neighbours stand in other partitions."""
ENDED_MS = 10_000
"""How long after its outcome a generation may still have records, which count no more."""
PIECE_BYTES = 1024 * 1024
PIECE_S = 2.0


class Scope:
    """One conversation: where its records stand, and which they are."""

    def __init__(self, topics: Catalogue, conversation_id: str, user_id: str) -> None:
        self.topics = topics
        self.conversation_id = conversation_id
        self.places = own_places(topics, conversation_id, user_id)
        self.concerns = concerning(conversation_id, user_id)
        self.counts: Mapping[str, int] = {topic: topics[topic].partitions for topic in topics_shown(topics)}
        self.said = topics.places_of(CONVERSATION_EVENTS, conversation_id)
        """Its partitions of conversation-events, one an epoch, and of token-chunks: `streamed`."""
        self.streamed = topics.places_of(TOKEN_CHUNKS, conversation_id)

    def own(self, cut: Cut) -> dict[TopicPartition, int]:
        """The conversation's part of a cut."""
        return {place: cut[place] for place in self.places if place in cut}


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be read: of conversation-events from order key `first` to `said_until`, of the topics beside it what
    was appended from `since_ms` to `until_ms` (and SKEW_MS more on either side), of token-chunks the `turns`' records.

    `stop`: instead of the ends told by `said_until` and `until_ms`. Without any of them: all there is now. `chunks`
    and `stream` False: without TokenChunks, and without token-chunks altogether.
    """

    first: int
    since_ms: int
    turns: Sequence[TurnPlace]
    stop: Cut | None = None
    said_until: int | None = None
    until_ms: int | None = None
    chunks: bool = True
    stream: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """The conversation's records of a span; what was read begins at `start`. `end`: of the log, when it was read."""

    records: list[RawRecord]
    start: Cut
    end: Cut


@dataclass(slots=True)
class Piece:
    """As much as was read of a long way: the conversation's records, and how far it came in each partition."""

    records: list[RawRecord]
    reached: dict[TopicPartition, int]
    whole: bool = field(default=False)


def read_span(log: LogSource, check: Check, scope: Scope, span: Span) -> Found:
    """Raises LogError, OutOfRange where the log does not hold what was said any more; and as `check`."""
    held, end = log.held(scope.counts)
    stop = _stop(log, scope, span, held, end)
    start = scope.own(log.at(scope.counts, span.since_ms - SKEW_MS))
    start = {place: min(offset, stop[place]) for place, offset in start.items()}
    begins = starts_from(span.first, scope.said, held)
    start |= {place: min(begins.get(place, stop[place]), stop[place]) for place in scope.said}
    windows = _windows(log, scope, span, held, end) if span.stream else []
    start |= {place: stop[place] for place in scope.streamed}
    for place, first, _ in reversed(windows):
        start[place] = first
    beside = {place: offset for place, offset in stop.items() if place not in scope.streamed}
    kept = _Kept(scope.concerns, span.chunks)
    kept.read(log, check, start, beside)
    for place, first, until in windows:
        kept.read(log, check, {place: first}, {place: until})
    return Found(kept.records, start, scope.own(end))


def read_piece(log: LogSource, check: Check, scope: Scope, start: Cut, stop: Cut) -> Piece:
    """The conversation's records between two cuts, or as many as PIECE_BYTES and PIECE_S allow: then go on at
    `reached`. Raises LogError; and as `check`."""
    until_s = monotonic_s() + PIECE_S
    piece = Piece([], dict(start))
    kept = 0
    batches = log.read(start, stop)
    try:
        for batch in batches:
            for raw in batch:
                piece.reached[raw.topic, raw.partition] = raw.offset + 1
                if scope.concerns(raw):
                    kept += len(raw.value or b"")
                    piece.records.append(raw)
            check(kept)
            if kept >= PIECE_BYTES or monotonic_s() > until_s:
                return piece
    finally:
        close(batches)
    piece.reached = {place: max(offset, stop.get(place, 0)) for place, offset in start.items()}
    piece.whole = True
    return piece


def checked_start(log: LogSource, scope: Scope, given: Cut, first: int, begun_ms: int) -> Cut:
    """Where to go on after a cut: of a partition that it leaves out, at the conversation's beginning, whose
    order key is `first`.

    Raises BadCut for offsets that the log does not hold, LogError.
    """
    held, end = log.held(scope.counts)
    start = scope.own(log.at(scope.counts, begun_ms - SKEW_MS))
    begins = starts_from(first, scope.said, held)
    start |= {place: begins.get(place, end[place]) for place in scope.said}
    return {**start, **scope.own(checked_cut(given, held, end))}


class _Kept:
    """The records that are kept of all that is read."""

    def __init__(self, concerns: Callable[[RawRecord], bool], chunks: bool) -> None:
        self.records: list[RawRecord] = []
        self._concerns = concerns
        self._chunks = chunks
        self._bytes = 0

    def read(self, log: LogSource, check: Check, start: Cut, stop: Cut) -> None:
        batches = log.read(start, stop)
        try:
            for batch in batches:
                self.records += self._wanted(batch)
                check(self._bytes)
        finally:
            close(batches)

    def _wanted(self, batch: list[RawRecord]) -> Iterator[RawRecord]:
        for raw in batch:
            if self._concerns(raw) and (self._chunks or record_type_of(raw.value) is not TokenChunk):
                self._bytes += len(raw.value or b"")
                yield raw


def _stop(log: LogSource, scope: Scope, span: Span, held: Cut, end: Cut) -> dict[TopicPartition, int]:
    stop = scope.own(end)
    if span.stop is not None:
        return {place: span.stop.get(place, offset) for place, offset in stop.items()}
    if span.until_ms is not None:
        at = log.at(scope.counts, span.until_ms + SKEW_MS)
        stop = {place: min(at[place], offset) for place, offset in stop.items()}
    if span.said_until is not None:
        epoch, offset = order_place(span.said_until)
        for n, place in enumerate(scope.said):
            # What came in a later epoch came later.
            stop[place] = min(offset, end[place]) if n == epoch else end[place] if n < epoch else held[place]
    return stop


def _windows(log: LogSource, scope: Scope, span: Span, held: Cut, end: Cut) -> list[tuple[TopicPartition, int, int]]:
    """The spans of token-chunks that hold the records of the turns, as far as they are held; they do not overlap."""
    spans = []
    for turn in span.turns:
        if turn.tail is None or (place := (TOKEN_CHUNKS, turn.tail.partition)) not in scope.streamed:
            continue
        until = end[place]
        if turn.ended_at_us is not None:
            ended_ms = max(turn.ended_at_us, turn.asked_at_us) // 1000 + ENDED_MS
            until = log.at({TOKEN_CHUNKS: scope.counts[TOKEN_CHUNKS]}, ended_ms)[place]
        if (first := max(turn.tail.offset, held[place])) < until:
            spans.append((place, first, until))
    joined: list[tuple[TopicPartition, int, int]] = []
    for place, first, until in sorted(spans):
        if joined and joined[-1][0] == place and first <= joined[-1][2]:
            joined[-1] = place, joined[-1][1], max(until, joined[-1][2])
        else:
            joined.append((place, first, until))
    return joined
