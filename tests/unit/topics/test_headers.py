"""A record's envelope as headers."""

from __future__ import annotations

from schemas.conversation import ConversationDeleted
from schemas.envelope import Envelope
from tests.generation_logs import chunk
from topics.headers import IMPORTED, headers_of, is_imported, size_of


def test_an_envelope_stands_in_the_headers() -> None:
    record = ConversationDeleted(Envelope("event", 1, None, "request", "user:u"), "c", "u")
    headers = headers_of(record)
    assert headers == [
        ("event-id", b"event"),
        ("event-type", b"ConversationDeleted"),
        ("correlation-id", b"request"),
    ]
    assert size_of(headers) > sum(len(name) + len(value or b"") for name, value in headers)


def test_a_token_has_none() -> None:
    assert headers_of(chunk("a", 1, "text")) is None
    assert size_of(None) == 0


def test_another_logs_history_is_told_by_its_header() -> None:
    assert is_imported([("event-id", b"e"), (IMPORTED, b"sha:0")])
    assert not is_imported([("event-id", b"e"), ("empty", None)])
    assert not is_imported([])
    assert not is_imported(None)
