"""A record for replay in another log: its identity and its references. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from schemas.account import UserCreated
from schemas.codec import NewerRecord, UndecodableRecord, decode, encode
from schemas.envelope import Position
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    USAGE_RECORDS,
    catalogue,
    jobs_topic,
)
from topics.log import RawRecord
from topics.slices.errors import SliceRefused
from topics.slices.references import conversation_of, moved, owner_of, positions_in
from topics.slices.selection import JOBS_PREFIX

TOPICS = catalogue()
"""Keys, types and limits of topics; partition counts are those of the log at hand."""
REPLAYED = (ACCOUNT_EVENTS, CONVERSATION_EVENTS, MODERATION_VERDICTS, GENERATION_OUTCOMES, USAGE_RECORDS)
"""The topics that an import appends to, in its order: what is referred to comes first.

Jobs and cancel notices would run, and dead letters belong to consumers elsewhere. An outcome holds all that
token-chunks said of its generation, and a finished stream is served from it byte for byte. So the recorder and the
tails of the API, which read a record per token, need no code for imports.
"""
ROOM_BYTES = 1024
"""What key, headers and larger positions may add to a record's value."""
_NOWHERE = Position(0, 0, 0)
_JOB_TYPES = TOPICS[jobs_topic("default", "interactive")].record_types


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in a topic of REPLAYED that a record points to; `name` is the id of what stands there."""

    topic: str
    place: Position
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`sequence` counts the records of a slice; `key` is the one it gets; `fingerprint` is of all but positions.

    `name`: by which others refer to it: a command's message id, an outcome's generation id; "" for the rest.
    `conversation`, `owner`, `generation`: whose it is; "" where it names none.
    """

    sequence: int
    topic: str
    source: Position
    key: str
    event_id: str
    fingerprint: bytes
    occurred_at_us: int
    name: str
    references: tuple[Reference, ...]
    conversation: str
    owner: str
    generation: str


def understood(raw: RawRecord, file: str) -> object:
    """The record in `raw`, in today's type. `file` is for messages.

    Raises SliceRefused: it cannot be decoded, or is not one of its topic's.
    """
    try:
        record = decode(raw.value)
    except (UndecodableRecord, NewerRecord) as error:
        raise SliceRefused(f"{_place(raw, file)} cannot be decoded: {error}") from None
    if not isinstance(record, _types(raw, file)):
        raise SliceRefused(f"{_place(raw, file)}: {type(record).__name__} does not belong in {raw.topic}")
    if raw.topic in REPLAYED and raw.key != key_of(raw.topic, record).encode():
        raise SliceRefused(f"{_place(raw, file)} has another key than its own")
    return record


def _types(raw: RawRecord, file: str) -> tuple[type, ...]:
    if raw.topic in TOPICS.specs:
        return TOPICS[raw.topic].record_types
    if raw.topic.startswith(JOBS_PREFIX):
        return _JOB_TYPES
    raise SliceRefused(f"{_place(raw, file)}: there is no topic {raw.topic[:100]!r} here")


def _place(raw: RawRecord, file: str) -> str:
    return f"{file}, {raw.topic}[{raw.partition}]@{raw.offset}"


def entry_of(record: Any, topic: str, source: Position, sequence: int, owner: str | None) -> tuple[Entry, int]:
    """The entry of a record of REPLAYED that stands at `source`, and an upper bound of its size in bytes.

    `owner`: who gets it instead of its own user.
    """
    given = moved(record, _to_nowhere, owner)
    value = encode(given)
    names = _names(record)
    entry = Entry(
        sequence,
        topic,
        source,
        key_of(topic, given),
        record.envelope.event_id,
        _fingerprint(given, value),
        record.envelope.occurred_at_us,
        names.get(topic, ""),
        references_of(record),
        conversation_of(record) or "",
        owner_of(given) or "",
        names[GENERATION_OUTCOMES],
    )
    return entry, len(value) + ROOM_BYTES


def references_of(record: object) -> tuple[Reference, ...]:
    """What a record points to in the topics that are replayed."""
    names = _names(record)
    return tuple(
        Reference(topic, place, names.get(topic, "")) for topic, place in positions_in(record) if topic in REPLAYED
    )


def key_of(topic: str, record: object) -> str:
    """The key of a record in a topic of REPLAYED; "" if it has none."""
    by_user = TOPICS[topic].key == "user_id"
    return (owner_of(record) if by_user else conversation_of(record)) or ""


def _names(record: object) -> dict[str, str]:
    """By which ids a record, and what it points to, is known in the topics that are referred to."""
    turn = getattr(record, "turn", record)
    generation = getattr(turn, "generation_id", "")
    # Feedback has a message id too: that of the message it is about.
    return {CONVERSATION_EVENTS: getattr(turn, "message_id", "") if generation else "", GENERATION_OUTCOMES: generation}


def _fingerprint(record: object, value: bytes) -> bytes:
    if isinstance(record, UserCreated):
        # An id has the same name on every installation; only the time of its record differs.
        value = f"{record.user_id}\x1f{record.name}".encode()
    return hashlib.sha256(value).digest()[:16]


def _to_nowhere(topic: str, place: Position) -> Position:
    return _NOWHERE
