"""Dead letters: records that a consumer cannot process, whole, with topic, partition, offset and reason."""

from __future__ import annotations

from confluent_kafka import Message

from schemas import ids
from schemas.dead_letter import DeadLetter, Header
from schemas.envelope import Envelope
from topics.errors import TooMuchPoison

MAX_VALUE_BYTES = 7 * 1024 * 1024
MAX_HEADER_BYTES = 256 * 1024
MAX_REASON_CHARACTERS = 2000
MAX_KEY_BYTES = 64 * 1024
MAX_LETTER_KEY_CHARACTERS = 1024
MAX_POISON_IN_A_ROW = 100
"""A consumer that parks that many records one after another, with none between that it could take, ends its process:
the fault may be its own. It is restarted and goes on behind them."""


class PoisonRun:
    """How many records in a row a consumer could not take: the same limit for every loop that parks."""

    def __init__(self, most: int = MAX_POISON_IN_A_ROW) -> None:
        self.most = most
        self.in_a_row = 0

    def good(self) -> None:
        """A record was taken."""
        self.in_a_row = 0

    def poison(self, place: str, error: Exception) -> None:
        """The record at `place` was parked because of `error`. Raises TooMuchPoison at the limit."""
        self.in_a_row += 1
        if self.in_a_row >= self.most:
            said = f"{type(error).__name__}: {error}"
            raise TooMuchPoison(f"{self.in_a_row} records in a row were poison, the last at {place}: {said}")


def letter_key(key: bytes | None) -> str:
    """The key of a letter: its record's, as far as a key of ours is long."""
    return (key or b"")[:MAX_LETTER_KEY_CHARACTERS].decode(errors="replace")


def dead_letter(message: Message, consumer: str, error: Exception, at_us: int) -> DeadLetter:
    """The dead letter of a record. Its ids are derived, so parking the same record twice gives the same letter."""
    return dead_letter_of(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        _bytes(message.key()),
        _bytes(message.value()),
        _headers(message),
        consumer=consumer,
        error=error,
        at_us=at_us,
    )


def dead_letter_of(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes]],
    *,
    consumer: str,
    error: Exception,
    at_us: int,
    note: str = "",
) -> DeadLetter:
    """As `dead_letter`, for consumers whose client has other message types (Faust). `note` follows the reason."""
    # A lone surrogate or endless text in an error's message must not keep its record from being parked.
    reason = str(error)[:MAX_REASON_CHARACTERS].encode("utf-8", "replace").decode()
    if note:
        reason += f" ({note})"
    if sum(len(name) + len(content) for name, content in headers) > MAX_HEADER_BYTES:
        reason += " (its headers are too large to be included)"
        headers = []
    if key is not None and len(key) > MAX_KEY_BYTES:
        reason += f" (its key, {len(key)} bytes, is cut here)"
        key = key[:MAX_KEY_BYTES]
    if value is not None and len(value) > MAX_VALUE_BYTES:
        reason += f" (the value, {len(value)} bytes, is too large to be included: read it at its offset)"
        value = None
    cause = f"{topic}/{partition}/{offset}"
    event_id = ids.event_id(cause, f"DeadLetter/{consumer}")
    return DeadLetter(
        envelope=Envelope(event_id, at_us, None, cause, f"system:{consumer}"),
        topic=topic,
        partition=partition,
        offset=offset,
        consumer=consumer,
        error_type=type(error).__name__,
        reason=reason,
        key=key,
        value=value,
        headers=tuple(Header(name, value) for name, value in headers),
    )


def _headers(message: Message) -> list[tuple[str, bytes]]:
    headers = message.headers()
    pairs = headers.items() if isinstance(headers, dict) else headers or []
    return [(name, _bytes(value) or b"") for name, value in pairs]


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
