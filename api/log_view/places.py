"""The places of a conversation's records in the log, and their order in time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from schemas.envelope import Position
from topics.catalogue import (
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    Catalogue,
)
from topics.cuts import Cut, TopicPartition, format_cut
from topics.log import RawRecord

JOBS_PREFIX = "generation-jobs."


class OrderKey(NamedTuple):
    """When a record was appended, and of records of the same millisecond which came first. Grows along a partition."""

    at_ms: int
    rank: int
    offset: int


def topics_shown(topics: Catalogue) -> list[str]:
    """The topics that hold a conversation's records, each after those that cause what it holds."""
    jobs = sorted(spec.name for spec in topics if spec.name.startswith(JOBS_PREFIX))
    return [CONVERSATION_EVENTS, MODERATION_VERDICTS, *jobs, TOKEN_CHUNKS, GENERATION_OUTCOMES, USAGE_RECORDS]


def own_places(topics: Catalogue, conversation_id: str, user_id: str) -> tuple[TopicPartition, ...]:
    """The partitions that hold a conversation's records, in the order of `topics_shown`, and of epochs."""
    return tuple(
        place
        for topic in topics_shown(topics)
        for place in topics.places_of(topic, user_id if topic == USAGE_RECORDS else conversation_id)
    )


def concerning(conversation_id: str, user_id: str) -> Callable[[RawRecord], bool]:
    """Whether a record is the conversation's, told without decoding it."""
    conversation, user = conversation_id.encode(), user_id.encode()

    def concerns(raw: RawRecord) -> bool:
        if raw.topic == USAGE_RECORDS:
            # Avro writes text as it is, so an id can be looked for in the bytes.
            return raw.key == user and conversation in (raw.value or b"")
        return raw.key == conversation

    return concerns


def position_of(topics: Catalogue, raw: RawRecord) -> Position:
    """A record's place, as other records name it."""
    return topics.position(raw.topic, raw.partition, raw.offset)


def in_order(records: Iterable[RawRecord], places: Sequence[TopicPartition]) -> list[tuple[OrderKey, RawRecord]]:
    """Records of these partitions, oldest first; those of one partition in its order, even if a clock went back."""
    ranks = {place: rank for rank, place in enumerate(places)}
    newest_ms = dict.fromkeys(places, 0)
    keyed = []
    for raw in sorted(records, key=lambda raw: raw.offset):
        place = raw.topic, raw.partition
        newest_ms[place] = max(newest_ms[place], raw.timestamp_ms)
        keyed.append((OrderKey(newest_ms[place], ranks[place], raw.offset), raw))
    keyed.sort(key=lambda pair: pair[0])
    return keyed


def newest_first(keyed: Sequence[tuple[OrderKey, RawRecord]], base: Cut) -> Iterator[tuple[OrderKey, RawRecord, Cut]]:
    """Records that are in order, backwards, each with the cut that `with_cuts` would give it: the same mapping each
    time, good until the next one. What is not read costs next to nothing."""
    cut = dict(base)
    earlier: list[int] = []
    for _, raw in keyed:
        place = raw.topic, raw.partition
        earlier.append(cut.get(place, 0))
        cut[place] = max(earlier[-1], raw.offset + 1)
    for (key, raw), before in zip(reversed(keyed), reversed(earlier), strict=True):
        yield key, raw, cut
        cut[raw.topic, raw.partition] = before


def with_cuts(records: Iterable[tuple[OrderKey, RawRecord]], base: Cut) -> Iterator[tuple[OrderKey, RawRecord, str]]:
    """Each record with the cut that holds it, all before it, and what `base` holds."""
    cut = dict(base)
    for key, raw in records:
        place = raw.topic, raw.partition
        cut[place] = max(cut.get(place, 0), raw.offset + 1)
        yield key, raw, format_cut(cut)
