"""Runs handlers for Faust records: decode, handle, then acknowledge.

Faust acknowledges in `finally`, also when the handler raised; so streams are `noack()` here and a record is
acknowledged only after its handler returned (research "streaming" §2, DESIGN "Pure rules, thin shells").
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import replace
from typing import Any, Generic

from infra.crash_points import crash_point
from infra.exits import tell_newer
from infra.logging import get_logger
from infra.runtime.metrics import ConsumerMetrics
from infra.runtime.retrying import Retrying
from schemas.codec import NewerRecord, UndecodableRecord, UnencodableRecord, decode, record_type_of
from schemas.envelope import SealedContent
from schemas.families import Family, R
from streams.errors import GaveUp, Poison, Retry
from streams.faust.acks import OrderedAcks
from streams.faust.handlers import Handler, Passed, SetAsideAt, Source, StreamMessage
from streams.faust.lanes import Lanes
from topics.catalogue import DEAD_LETTERS
from topics.dead_letters import PoisonRun, dead_letter_of, letter_key
from topics.errors import LogUnavailable, RecordRefused
from topics.headers import is_imported
from topics.producer import LogProducer

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
NOT_CARRIED = "it was held back for long and is not included: read it at its offset"
GIVE_UP_S = 300.0
_POISON = (UndecodableRecord, UnencodableRecord, RecordRefused, SealedContent, Poison)
"""A record, or what follows from it, that no number of attempts will get through."""

_log = get_logger(__name__)


class Consumption(Generic[R]):
    """One agent's way from Faust events to handled records."""

    def __init__(
        self,
        name: str,
        handler: Handler[R],
        producer: LogProducer,
        *,
        records: Family[R],
        retry_on: tuple[type[Exception], ...],
        holds: bool,
        acknowledge: Callable[[StreamMessage], None],
        maybe_repeat: Callable[[str, int, int], bool],
        stopping: Callable[[], bool],
        give_up_s: float = GIVE_UP_S,
        imported: bool = False,
        set_aside: SetAsideAt = lambda topic, partition, offset, at_ms: False,
    ) -> None:
        self._set_aside = set_aside
        self._consumer = f"streams.{name}"
        self._handler = handler
        self._passed: Passed | None = getattr(handler, "passed", None)
        self._producer = producer
        self._wanted = records
        self._retry_on: tuple[type[Exception], ...] = (Retry, LogUnavailable, *retry_on)
        self._holds = holds
        self._maybe_repeat = maybe_repeat
        self._stopping = stopping
        self._retrying = Retrying(self._consumer, FIRST_PAUSE_S, LONGEST_PAUSE_S, give_up_s)
        self._imported = imported
        self._poison = PoisonRun()
        self._metrics = ConsumerMetrics(self._consumer)
        self._metrics.limits(lambda: self._poison.in_a_row, self._poison.most)
        self._acks: OrderedAcks[StreamMessage] = OrderedAcks(acknowledge)
        self.in_flight = 0

    def opened(self, message: StreamMessage) -> Callable[[], None]:
        """A message came; returns what acknowledges it once all before it are."""
        return self._acks.opened((message.topic, message.partition), message.generation_id, message)

    def is_wanted(self, message: StreamMessage) -> bool:
        """Whether a record must be decoded: it is of a wanted type or of no type that is known, and if it is another
        log's history, that is wanted too."""
        record_type = record_type_of(message.value)
        if record_type is not None and not self._wanted.takes(record_type):
            return False
        return self._imported or not is_imported(message.headers)

    async def pass_over(self, message: StreamMessage, acknowledge: Callable[[], None]) -> None:
        """Nothing comes of a record: it is acknowledged, by the handler if that keeps count of them."""
        if self._passed is None:
            acknowledge()
        else:
            await self._passed(message.topic, message.partition, message.offset, acknowledge)

    async def take(self, message: StreamMessage, acknowledge: Callable[[], None]) -> None:
        """Handle one message to its end: handled, parked as a dead letter, or raising what ends the process."""
        self.in_flight += 1
        try:
            source = Source(
                message.topic,
                message.partition,
                message.offset,
                round(message.timestamp * 1_000_000),
                message.key,
                self._maybe_repeat(message.topic, message.partition, message.offset),
                acknowledge,
            )
            if self._holds:
                source = replace(source, park=self._parking(message, source))
            if not await self._handled(message, source):
                return
            self._metrics.handled(1)
            if self._holds:
                # Held for minutes perhaps: only the place is needed from here on.
                message.value = None
            else:
                crash_point("stream.before_acknowledge")
                acknowledge()
        finally:
            self.in_flight -= 1

    async def _handle_or_park(self, message: StreamMessage, source: Source) -> None:
        try:
            record = decode(message.value)
            if self._wanted.holds(record):
                await self._handler(record, source)
            elif self._holds:
                await self.pass_over(message, source.acknowledge)
            self._poison.good()
        except NewerRecord as error:
            at_ms = source.timestamp_us // 1000
            if await asyncio.to_thread(self._set_aside, source.topic, source.partition, source.offset, at_ms):
                _log.warning("skipped: an operator has set it aside", source=_place(source))
                if self._holds:
                    await self.pass_over(message, source.acknowledge)
                return
            tell_newer(_log, error, source.topic, source.partition, source.offset)
            raise
        except _POISON as error:
            await self._park(message, source, error)
            if self._holds:
                await self.pass_over(message, source.acknowledge)

    def _parking(self, message: StreamMessage, source: Source) -> Callable[[Exception], Awaitable[None]]:
        async def park(error: Exception) -> None:
            async def once() -> None:
                await self._park(message, source, error, "" if message.value is not None else NOT_CARRIED)

            try:
                await self._retrying.run(once, LogUnavailable)
            except LogUnavailable as away:
                raise GaveUp(f"{_place(source)} cannot be parked: {away}") from away
            # The handler had it, and knows how far it is.
            source.acknowledge()

        return park

    async def _park(self, message: StreamMessage, source: Source, error: Exception, note: str = "") -> None:
        letter = dead_letter_of(
            source.topic,
            source.partition,
            source.offset,
            message.key,
            message.value,
            [(name, value or b"") for name, value in message.headers or ()],
            consumer=self._consumer,
            error=error,
            at_us=source.timestamp_us,
            note=note,
        )
        try:
            await self._producer.send(DEAD_LETTERS, letter_key(message.key), letter)
        except RecordRefused as refused:
            _log.error("the log refused a dead letter; this line is the only trace of it", reason=str(refused))
        _log.error("parked in dead-letters", source=_place(source), error=type(error).__name__)
        self._metrics.parked()
        self._poison.poison(_place(source), error)

    async def _handled(self, message: StreamMessage, source: Source) -> bool:
        """Whether the record was seen to; False if the process is stopping and the record stays for the next one."""
        patience = self._retrying.begin()
        while True:
            try:
                await self._handle_or_park(message, source)
                return True
            except self._retry_on as error:
                pause_s = patience.pause_s()
                if pause_s is None:
                    raise GaveUp(f"{_place(source)} failed for {patience.waited_s:.0f} s, last: {error}") from error
                if self._stopping():
                    return False
                _log.warning("retrying", source=_place(source), error=f"{type(error).__name__}: {error}", pause=pause_s)
                await asyncio.sleep(pause_s)
                # What timed out may have been accepted all the same.
                source = replace(source, maybe_repeat=True)


def _place(source: Source) -> str:
    return f"{source.topic}/{source.partition}/{source.offset}"


async def consume(messages: AsyncIterable[StreamMessage], consumption: Consumption[Any], most_in_flight: int) -> None:
    """Take messages from an asynchronous iterator until it ends, `most_in_flight` of different keys side by side."""
    async with asyncio.TaskGroup() as group:
        lanes = Lanes(group, most_in_flight)
        async for message in messages:
            acknowledge = consumption.opened(message)
            if not consumption.is_wanted(message):
                await consumption.pass_over(message, acknowledge)
            elif most_in_flight == 1:
                await consumption.take(message, acknowledge)
            else:
                await lanes.submit(message.key, _work(consumption, message, acknowledge))


def _work(
    consumption: Consumption[Any], message: StreamMessage, acknowledge: Callable[[], None]
) -> Callable[[], Awaitable[None]]:
    return lambda: consumption.take(message, acknowledge)
