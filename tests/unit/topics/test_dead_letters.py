"""Whatever a consumer could not take can be parked: whole, or with the reason why not whole."""

from __future__ import annotations

import pytest

from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter, Header
from topics.catalogue import DEAD_LETTERS, catalogue
from topics.dead_letters import MAX_VALUE_BYTES, dead_letter, dead_letter_of


def letter(
    error: Exception | None = None,
    *,
    key: bytes | None = b"key",
    value: bytes | None = b"\xff\0raw",
    headers: list[tuple[str, bytes]] | None = None,
) -> DeadLetter:
    return dead_letter_of(
        "token-chunks", 2, 99, key, value, headers or [], consumer="recorder", error=error or ValueError("no"), at_us=5
    )


def test_it_holds_the_record_and_where_and_why() -> None:
    parked = letter(headers=[("trace", b"\0\1")])
    assert (parked.topic, parked.partition, parked.offset, parked.consumer) == ("token-chunks", 2, 99, "recorder")
    assert (parked.key, parked.value, parked.headers) == (b"key", b"\xff\0raw", (Header("trace", b"\0\1"),))
    assert (parked.error_type, parked.reason) == ("ValueError", "no")
    assert parked.envelope.actor == "system:recorder" and parked.envelope.occurred_at_us == 5
    assert decode(encode(parked)) == parked


def test_the_same_record_gives_the_same_letter_and_another_consumer_another() -> None:
    assert letter().envelope == letter().envelope
    other = dead_letter_of("token-chunks", 2, 99, None, None, [], consumer="api", error=ValueError("no"), at_us=5)
    assert other.envelope.event_id != letter().envelope.event_id


@pytest.mark.parametrize(
    "parked",
    [
        letter(key=None, value=None),
        letter(value=b"x" * MAX_VALUE_BYTES),
        letter(value=b"x" * (MAX_VALUE_BYTES + 1)),
        letter(headers=[("h", b"x" * 9_000_000)], value=b"x" * MAX_VALUE_BYTES),
        letter(headers=[("h", b"x" * 250_000)], value=b"x" * MAX_VALUE_BYTES, key=b"k" * 8_000_000),
        letter(ValueError("\ud800" + "long " * 10_000)),
    ],
    ids=["tombstone", "large", "too large", "large headers", "all large", "a strange error"],
)
def test_every_letter_can_be_sent(parked: DeadLetter) -> None:
    value = encode(parked)
    assert len(value) + 1024 < catalogue()[DEAD_LETTERS].max_record_bytes
    assert decode(value) == parked


def test_what_is_left_out_is_said() -> None:
    assert "7340033 bytes, is too large" in letter(value=b"x" * (MAX_VALUE_BYTES + 1)).reason
    assert "headers are too large" in letter(headers=[("h", b"x" * 300_000)]).reason


class ConsumedMessage:
    """A message as librdkafka hands it over."""

    def __init__(self, headers: object) -> None:
        self._headers = headers

    def topic(self) -> str:
        return "control"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 3

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def headers(self) -> object:
        return self._headers


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, ()),
        ([], ()),
        ([("a", b"1"), ("a", None)], (Header("a", b"1"), Header("a", b""))),
        ({"a": "text"}, (Header("a", b"text"),)),
    ],
)
def test_a_consumed_message_is_parked_as_it_came(headers: object, expected: tuple[Header, ...]) -> None:
    parked = dead_letter(ConsumedMessage(headers), "api", KeyError("x"), 7)  # type: ignore[arg-type]  # it has what a letter takes of a message
    assert (parked.topic, parked.partition, parked.offset, parked.key, parked.value) == ("control", 0, 3, b"k", b"v")
    assert parked.headers == expected
