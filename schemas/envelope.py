"""The envelope of events, and shapes that several families share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

TimestampMicros = Annotated[int, "timestamp-micros"]
"""Microseconds since 1970-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """User content encrypted under a data key; whoever lost the key lost the content."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


Content = str | Sealed
"""What users and models wrote: plain text, or sealed. On the wire a record `Content` with one field `body`."""


def plain(content: Content) -> str:
    """The text of plain content. Raises SealedContent for sealed content."""
    if isinstance(content, str):
        return content
    raise SealedContent(content.key_id)


class SealedContent(Exception):
    """Content is sealed and its key is not at hand."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"content is sealed under key {key_id}")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who caused an event, when and why. Its type and schema version are the schema id's."""

    event_id: str
    occurred_at_us: TimestampMicros
    causation_id: str | None
    correlation_id: str
    actor: str


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a topic's partition. `epoch`: the span of partitions that holds it, 0 for a topic that never grew."""

    epoch: int
    partition: int
    offset: int
