"""An agent over messages in memory, and logs that do not always take its letters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from schemas.account import ApiKeyRevoked, UserCreated
from schemas.envelope import Envelope
from schemas.families import Family
from schemas.registry import registered_schemas
from streams.faust.agents import Consumption, consume
from streams.faust.handlers import Source
from topics.errors import LogUnavailable, RecordRefused
from topics.topic import R, Topic

ENVELOPE = Envelope("e", 1, None, "c", "a")
USER = UserCreated(ENVELOPE, "u", "somebody")
OTHER = ApiKeyRevoked(ENVELOPE, "u", "k", "hash")
NEWER = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"whatever"
USERS: Family[UserCreated] = Family(UserCreated)
FUTURE = b"\x00\x00\x00\xff\xffwhatever"


@dataclass
class Message:
    """As Faust's, as far as it is used."""

    offset: int
    value: bytes | None
    key: bytes | None = b"u"
    topic: str = "topic"
    partition: int = 0
    timestamp: float = 12.5
    generation_id: int = 1
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


class FlakyLog:
    """A producer that takes records after `failures` refusals."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[tuple[str, str, Any]] = []

    async def send(self, topic: Topic[R], key: str, record: R) -> None:
        if self.failures:
            self.failures -= 1
            raise LogUnavailable("away")
        self.sent.append((topic, key, record))


class RefusingLog(FlakyLog):
    """A producer whose topic takes nothing."""

    async def send(self, topic: Topic[R], key: str, record: R) -> None:
        raise RecordRefused("too large")


class Agent:
    """A Consumption with everything around it in memory."""

    def __init__(
        self,
        handler: Callable[[Any, Source], Any] | None = None,
        *,
        holds: bool = False,
        log: FlakyLog | None = None,
        retry_on: tuple[type[Exception], ...] = (),
        give_up_s: float = 300.0,
        imported: bool = False,
        set_aside: tuple[int, ...] = (),
    ) -> None:
        self.acknowledged: list[int] = []
        self.handled: list[tuple[Any, Source]] = []
        self.log = log or FlakyLog()
        self.stopping = False
        self._handler = handler
        self.consumption = Consumption(
            "agent",
            self._handle,
            self.log,  # type: ignore[arg-type]  # it has what a consumption asks of a log
            records=USERS,
            retry_on=retry_on,
            holds=holds,
            acknowledge=lambda message: self.acknowledged.append(message.offset),
            maybe_repeat=lambda topic, partition, offset: offset < 2,
            stopping=lambda: self.stopping,
            give_up_s=give_up_s,
            imported=imported,
            set_aside=lambda topic, partition, offset, at_ms: (
                (topic, at_ms) == ("topic", 12500) and offset in set_aside
            ),
        )

    async def _handle(self, record: Any, source: Source) -> None:
        self.handled.append((record, source))
        if self._handler is not None:
            await self._handler(record, source)

    async def take(self, *messages: Message, most_in_flight: int = 1) -> None:
        async def stream() -> AsyncIterator[Message]:
            for message in messages:
                yield message

        await consume(stream(), self.consumption, most_in_flight)


def failing(*errors: Exception) -> Callable[[Any, Source], Any]:
    """A handler that raises these errors, one a call, then none."""
    left = list(errors)

    async def handle(record: Any, source: Source) -> None:
        if left:
            raise left.pop(0)

    return handle
