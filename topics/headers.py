"""The envelope of a record as Kafka headers, so that tools can route, trace and filter without decoding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.envelope import Envelope

EVENT_ID = "event-id"
EVENT_TYPE = "event-type"
CORRELATION_ID = "correlation-id"
IMPORTED = "imported"
"""On a record that a slice of another log brought: `<the slice's sha256>:<its number in the slice>`; on one of a
conversation that was held in another product: `<product>`. It is history: projections show it, agents pass over it."""

Headers = list[tuple[str, str | bytes | None]]


def headers_of(record: object) -> Headers | None:
    """Event id, type and correlation of a record; None for one without an envelope (the records of an event a token).

    What these say stands in the record as well: nothing here reads them.
    """
    envelope = getattr(record, "envelope", None)
    if not isinstance(envelope, Envelope):
        return None
    return [
        (EVENT_ID, envelope.event_id.encode()),
        (EVENT_TYPE, type(record).__name__.encode()),
        (CORRELATION_ID, envelope.correlation_id.encode()),
    ]


def is_imported(headers: Iterable[tuple[str, Any]] | None) -> bool:
    """Whether a record came from another log or another product: what follows from it has happened elsewhere."""
    return any(name == IMPORTED for name, _ in headers) if headers else False


def size_of(headers: Headers | None) -> int:
    """An upper bound of what headers add to a record, in bytes."""
    return sum(len(name) + len(value or b"") + 16 for name, value in headers) if headers else 0
