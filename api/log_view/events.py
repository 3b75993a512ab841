"""Records of the log as JSON, in the names of this API. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from api.http.answers import iso
from api.log_view.places import topics_shown
from api.log_view.summaries import summary_of
from schemas import ids
from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.envelope import Envelope, Sealed
from schemas.moderation import ModerationVerdict
from schemas.outcome import ChunkMark
from schemas.picks import Pick
from schemas.turns import MAX_CHOICES, Command, generations_of
from topics.catalogue import Catalogue
from topics.log import RawRecord

UNDECODABLE = "Undecodable"
_OWN_OF_A_PICK = ("domain", "number", "reason", "job", "work", "weight_milli")
_OF_NEWER = "A newer release wrote this record: upgrade to read it."
NEWER = "Newer"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A record that was looked into. `record` None: it is damaged; or `newer`, a release after this one wrote it."""

    raw: RawRecord
    record: object
    newer: bool = False

    @property
    def type(self) -> str:
        if self.newer:
            return NEWER
        return UNDECODABLE if self.record is None else type(self.record).__name__

    @property
    def generation_id(self) -> str | None:
        """The generation it belongs to; None for what concerns the conversation alone."""
        owner = getattr(self.record, "turn", self.record)
        found: str | None = getattr(owner, "generation_id", None)
        return found

    def concerns(self, generation_id: str) -> bool:
        """Whether it tells of this generation: of several answers the command and its verdict tell of each."""
        record = self.record
        if self.generation_id == generation_id:
            return True
        if isinstance(record, Command):
            return generation_id in generations_of(record)
        if isinstance(record, ModerationVerdict):
            return any(generation_id == ids.choice_id(record.message_id, n) for n in range(1, MAX_CHOICES))
        return False

    @property
    def conversation_id(self) -> str | None:
        """The conversation it names; chunks name none, they have it as their key."""
        owner = getattr(self.record, "turn", self.record)
        found: str | None = getattr(owner, "conversation_id", None)
        return found


def event_of(raw: RawRecord) -> LogEvent:
    """What the record is."""
    try:
        return LogEvent(raw, decode(raw.value))
    except UndecodableRecord:
        return LogEvent(raw, None)
    except NewerRecord:
        return LogEvent(raw, None, newer=True)


def event_types(topics: Catalogue) -> tuple[str, ...]:
    """The types that a conversation's events have."""
    names = (kind.__name__ for topic in topics_shown(topics) for kind in topics[topic].record_types)
    return (*dict.fromkeys(names), UNDECODABLE, NEWER)


def event_json(event: LogEvent, as_of: str) -> dict[str, Any]:
    """The event; `as_of` is a cut that holds it and all before it."""
    raw, record = event.raw, event.record
    envelope = getattr(record, "envelope", None)
    occurred_us = envelope.occurred_at_us if isinstance(envelope, Envelope) else getattr(record, "at_us", None)
    return {
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
        "type": event.type,
        "time": iso_ms(raw.timestamp_ms),
        "occurredAt": None if occurred_us is None else _time(occurred_us),
        "size": len(raw.value or b""),
        "generationId": event.generation_id,
        "summary": _OF_NEWER if event.newer else summary_of(record),
        "payload": None if record is None else payload_of(record),
        "asOf": as_of,
    }


def payload_of(value: Any) -> Any:
    """A record, or a part of one, as JSON: fields in camelCase, times as text, content plain.

    Sealed content is only named; a chunk mark is [length, tokens, microseconds since 1970], as there are thousands.
    Of a pick its own is told, and nothing of the other users whose jobs waited.
    """
    match value:
        case Pick():
            return {_camel(name): payload_of(getattr(value, name)) for name in _OWN_OF_A_PICK}
        case Sealed(key_id=key_id):
            return {"sealedUnder": key_id}
        case ChunkMark(length=length, tokens=tokens, at_us=at_us):
            return [length, tokens, at_us]
        case tuple() | list():
            return [payload_of(item) for item in value]
        case bytes():
            return value.hex()
        case None | str() | int() | float():
            return value
    return dict(_field(field.name, getattr(value, field.name)) for field in fields(value))


def iso_ms(at_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    seconds, millis = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name == "at_us" or name.endswith("_at_us"):
        return _camel(name.removesuffix("_us")), None if value is None else _time(value)
    return _camel(name), payload_of(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _time(at_us: int) -> str | int:
    """The time; as the number it is where it lies beyond all calendars."""
    try:
        return iso(at_us)
    except (ValueError, OverflowError, OSError):
        return at_us
