"""Reads the records of one conversation, generation or user from the log.

Whatever else is there is passed over undecoded. Blocking: in a loop, in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from projections.order import place as order_place
from projections.replay.as_of import Past, PastConversation
from projections.replay.showing import State, generation_state, user_state
from projections.replay.spooling import close
from schemas.account import FolderChanged
from schemas.codec import UndecodableRecord, decode, record_type_of
from schemas.conversation import ConversationDeleted
from schemas.envelope import Position
from schemas.generation import GenerationRecord, Turn
from schemas.outcome import Outcome
from schemas.turns import Command, generations_of
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    Catalogue,
)
from topics.cuts import Cut, TopicPartition, checked_cut
from topics.generation_fold import GenerationFold
from topics.log import RawRecord
from topics.scan import generation_of

# Brokers' clocks may differ by so much, and an outcome is in another partition than its command.
_SKEW_MS = 60_000

Check = Callable[[int], None]
"""Called now and then with the bytes that were kept so far; raises to end the reading."""


class LogSource(Protocol):
    """The log. topics.log.Log is one."""

    def held(self, topics: Mapping[str, int]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]: ...

    def at(self, topics: Mapping[str, int], at_ms: int) -> dict[TopicPartition, int]: ...

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]: ...


def records_of(
    log: LogSource, start: Cut, stop: Cut, check: Check, *, key: str | None = None, naming: str | None = None
) -> Iterator[RawRecord]:
    """The records of a span with this key, and with this id somewhere in them. Raises LogError, and as `check`."""
    wanted = None if key is None else key.encode()
    name = None if naming is None else naming.encode()
    kept = 0
    batches = log.read(start, stop)
    try:
        for batch in batches:
            for raw in batch:
                value = raw.value or b""
                # Avro writes text as it is, so an id can be looked for in the bytes.
                if (wanted is None or raw.key == wanted) and (name is None or name in value):
                    kept += len(value)
                    yield raw
            check(kept)
    finally:
        close(batches)


def _counts(topics: Catalogue, *names: str) -> dict[str, int]:
    return {name: topics[name].partitions for name in names}


def conversation_then(
    log: LogSource, topics: Catalogue, conversation_id: str, first: int, moment: Cut | int, check: Check
) -> tuple[Cut, PastConversation]:
    """A conversation as it was at a moment (a cut, or milliseconds since 1970), and its part of that moment's cut.

    A cut that names no place of account-events shows what was said, without its user's marks. `first`: the order key of
    its first record in conversation-events. Raises BadCut for offsets that the log does not hold; LogError; and as
    `check`.
    """
    partitions: dict[str, int] = {
        topic: topics[topic].partitions for topic in (CONVERSATION_EVENTS, GENERATION_OUTCOMES, ACCOUNT_EVENTS)
    }
    said = topics.places_of(CONVERSATION_EVENTS, conversation_id)
    ended = topics.places_of(GENERATION_OUTCOMES, conversation_id)
    held, end = log.held(partitions)
    if isinstance(moment, int):
        whole = log.at(partitions, moment)
    else:
        whole = dict(checked_cut({place: offset for place, offset in moment.items() if place in end}, held, end))
    cut = {place: whole[place] for place in (*said, *ended) if place in whole}
    past = Past(topics)
    begun_ms: int | None = None
    for place, start in starts_from(first, said, held).items():
        if start < cut.get(place, 0):
            for raw in records_of(log, {place: start}, {place: cut[place]}, check, key=conversation_id):
                begun_ms = raw.timestamp_ms if begun_ms is None else begun_ms
                past.take(raw)
    if begun_ms is not None:
        since = log.at({GENERATION_OUTCOMES: partitions[GENERATION_OUTCOMES]}, begun_ms - _SKEW_MS)
        for place in (place for place in ended if place in cut):
            start = min(since[place], cut[place])
            for raw in records_of(log, {place: start}, {place: cut[place]}, check, key=conversation_id):
                past.take(raw)
        began = log.at({ACCOUNT_EVENTS: partitions[ACCOUNT_EVENTS]}, begun_ms - _SKEW_MS)
        cut |= _take_marks(log, topics, past, conversation_id, began, whole, check)
    return cut, past.conversation(conversation_id)


def whole_conversation(log: LogSource, topics: Catalogue, conversation_id: str, cut: Cut, check: Check) -> Past:
    """All that concerns a conversation below a cut, its partitions read from their beginnings, epoch by epoch."""
    past = Past(topics)
    held, _ = log.held({topic: topics[topic].partitions for topic in (CONVERSATION_EVENTS, GENERATION_OUTCOMES)})
    for topic in (CONVERSATION_EVENTS, GENERATION_OUTCOMES):
        for place in topics.places_of(topic, conversation_id):
            for raw in records_of(log, {place: held[place]}, _only(cut, place), check, key=conversation_id):
                past.take(raw)
    _take_marks(log, topics, past, conversation_id, {}, cut, check)
    return past


def _take_marks(
    log: LogSource, topics: Catalogue, past: Past, conversation_id: str, start: Cut, cut: Cut, check: Check
) -> Cut:
    """What its user had put to a conversation. The part of the cut that was read."""
    owner = past.owner(conversation_id)
    places = () if owner is None else topics.places_of(ACCOUNT_EVENTS, owner)
    wanted = {place: cut[place] for place in places if place in cut}
    held, _ = log.held({ACCOUNT_EVENTS: topics[ACCOUNT_EVENTS].partitions}) if wanted else ({}, {})
    name = conversation_id.encode()
    for place, stop in wanted.items():
        since = max(held[place], min(start.get(place, 0), stop))
        for raw in records_of(log, {place: since}, {place: stop}, check, key=owner):
            # That a folder is gone concerns all that is in it.
            if name in (raw.value or b"") or record_type_of(raw.value) is FolderChanged:
                past.take(raw)
    return wanted


def record_at(log: LogSource, topics: Catalogue, topic: str, key: str, order_key: int, check: Check) -> object | None:
    """The record of a key at an order key; None: it is not held, or cannot be decoded."""
    epoch, offset = order_place(order_key)
    places = topics.places_of(topic, key)
    if epoch >= len(places):
        return None
    for raw in records_of(log, {places[epoch]: offset}, {places[epoch]: offset + 1}, check, key=key):
        return _decoded(raw)
    return None


def deletion_of(log: LogSource, topics: Catalogue, conversation_id: str, check: Check) -> ConversationDeleted | None:
    """The event that deleted a conversation, whenever that was."""
    held, end = log.held({CONVERSATION_EVENTS: topics[CONVERSATION_EVENTS].partitions})
    for place in topics.places_of(CONVERSATION_EVENTS, conversation_id):
        for raw in records_of(log, {place: held[place]}, {place: end[place]}, check, key=conversation_id):
            if record_type_of(raw.value) is ConversationDeleted:
                found = _decoded(raw)
                if isinstance(found, ConversationDeleted):
                    return found
    return None


def generation_then(log: LogSource, topics: Catalogue, generation_id: str, cut: Cut, check: Check) -> State:
    """A generation as it was at a cut; its stream as far as the cut names token-chunks and they are still held."""
    counts: dict[str, int] = {
        topic: topics[topic].partitions for topic in (CONVERSATION_EVENTS, TOKEN_CHUNKS, GENERATION_OUTCOMES)
    }
    held, _ = log.held(counts)
    command: Command | None = None
    cause: Position | None = None
    said = {place: offset for place, offset in cut.items() if place[0] == CONVERSATION_EVENTS}
    for raw in records_of(log, {place: held[place] for place in said}, said, check, naming=generation_id):
        found = _decoded(raw)
        if isinstance(found, Command) and found.generation_id == generation_id:
            place = topics.position(CONVERSATION_EVENTS, raw.partition, raw.offset)
            # Of a repeated command the first one counts; batches may bring partitions in any order, each in its own.
            if cause is None or place < cause:
                command, cause = found, place
    if command is None:
        command, cause = _command_of_several(log, topics, generation_id, held, cut, check)
    stream = GenerationFold()
    if command is None:
        return generation_state(generation_id, None, None, stream, None)
    chunks: TopicPartition = TOKEN_CHUNKS, command.tail.partition
    if held.get(chunks, 0) <= command.tail.offset < cut.get(chunks, 0):
        start = {chunks: command.tail.offset}
        for raw in records_of(log, start, _only(cut, chunks), check, key=command.conversation_id, naming=generation_id):
            found = _decoded(raw)
            if isinstance(found, GenerationRecord) and generation_of(found) == generation_id:
                stream.apply(found, Position(command.tail.epoch, raw.partition, raw.offset))
    key = command.conversation_id
    for ended in topics.places_of(GENERATION_OUTCOMES, key):
        span = {ended: held[ended]}, _only(cut, ended)
        for raw in records_of(log, *span, check, key=key, naming=generation_id):
            found = _decoded(raw)
            if isinstance(found, Outcome) and found.turn.generation_id == generation_id:
                return generation_state(generation_id, command, cause, stream, found)
    return generation_state(generation_id, command, cause, stream, None)


def _command_of_several(
    log: LogSource, topics: Catalogue, generation_id: str, held: Cut, cut: Cut, check: Check
) -> tuple[Command, Position] | tuple[None, None]:
    """The command of one of several answers, which it does not name: found by what came of it."""
    for topic in (GENERATION_OUTCOMES, TOKEN_CHUNKS):
        stop = {place: offset for place, offset in cut.items() if place[0] == topic}
        for raw in records_of(log, {place: held[place] for place in stop}, stop, check, naming=generation_id):
            turn = getattr(_decoded(raw), "turn", None)
            if not isinstance(turn, Turn) or turn.generation_id != generation_id:
                continue
            place, at = (CONVERSATION_EVENTS, turn.cause.partition), turn.cause.offset
            for said in records_of(log, {place: at}, {place: at + 1}, check) if at < cut.get(place, 0) else ():
                found = _decoded(said)
                if isinstance(found, Command) and generation_id in generations_of(found):
                    return found, topics.position(CONVERSATION_EVENTS, said.partition, said.offset)
            return None, None
    return None, None


def user_then(log: LogSource, topics: Catalogue, user_id: str, cut: Cut, check: Check) -> State:
    """A user as they were at a cut, with keys, conversations and usage."""
    past = Past(topics)
    counts: dict[str, int] = {
        topic: topics[topic].partitions for topic in (ACCOUNT_EVENTS, CONVERSATION_EVENTS, USAGE_RECORDS)
    }
    held, _ = log.held(counts)
    for topic in counts:
        stop = {place: offset for place, offset in cut.items() if place[0] == topic}
        key = None if topic == CONVERSATION_EVENTS else user_id
        for raw in records_of(log, {place: held[place] for place in stop}, stop, check, key=key, naming=user_id):
            past.take(raw)
    return user_state(user_id, past)


def starts_from(key: int, places: Sequence[TopicPartition], held: Cut) -> dict[TopicPartition, int]:
    """Where reading begins in the partitions of one key, an epoch each, for all from an order key on; those of
    earlier epochs are left out."""
    epoch, offset = order_place(key)
    return {place: offset if n == epoch else held.get(place, 0) for n, place in enumerate(places) if n >= epoch}


def _only(cut: Cut, place: TopicPartition) -> Cut:
    return {place: cut[place]} if place in cut else {}


def _decoded(raw: RawRecord) -> object:
    try:
        return decode(raw.value)
    except UndecodableRecord:
        return None
