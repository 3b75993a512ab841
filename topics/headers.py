"""The envelope of a record as Kafka headers, so that any tool can route, trace and filter without decoding."""

from __future__ import annotations

from typing import Any

from schemas.envelope import Envelope

EVENT_ID = "event-id"
EVENT_TYPE = "event-type"
CORRELATION_ID = "correlation-id"

Headers = list[tuple[str, str | bytes | None]]


def headers_of(record: Any) -> Headers | None:
    """Event id, type and correlation of a record; None for one without an envelope (the records of an event a token).

    What they say stands in the record as well: nothing here reads them.
    """
    envelope = getattr(record, "envelope", None)
    if not isinstance(envelope, Envelope):
        return None
    return [
        (EVENT_ID, envelope.event_id.encode()),
        (EVENT_TYPE, type(record).__name__.encode()),
        (CORRELATION_ID, envelope.correlation_id.encode()),
    ]


def size_of(headers: Headers | None) -> int:
    """An upper bound of what headers add to a record, in bytes."""
    return sum(len(name) + len(value or b"") + 16 for name, value in headers) if headers else 0
