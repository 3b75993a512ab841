"""The watchdog agent: sees turns begin and end through Faust, and ends those that nobody ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from infra.clock import now_us
from infra.logging import get_logger
from infra.models import ModelCatalogue, ModelNotFound
from infra.settings import Settings
from schemas.conversation import PromptSubmitted, RegenerateRequested
from schemas.envelope import Position
from schemas.generation import Price
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from streams.app import Handler, Source, StreamApp, make_app, run_agent
from streams.watchdog.reactor import OpenTurns, Watched, expiry
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.errors import LogUnavailable, OutOfRange
from topics.producer import LogProducer
from topics.scan import fold_generation, watermarks

MARGIN_S = 5.0
LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 30.0
MOST_AT_ONCE = 100
LAZY_MS = 50
UNKNOWN_PRICE = Price("unknown", "USD", 0, 0, 0)
_COMMANDS = (PromptSubmitted, RegenerateRequested)
_OUTCOMES = (GenerationCompleted, GenerationFailed, GenerationCancelled, GenerationRefused)
_log = get_logger(__name__)


class Watchdog:
    """Holds a command's acknowledgement until its turn has an outcome: a restart sees every open turn again."""

    def __init__(self, settings: Settings, models: ModelCatalogue, producer: LogProducer, epoch: int) -> None:
        self._properties = settings.kafka.client_properties()
        self._models = models
        self._producer = producer
        self._epoch = epoch
        self._turns = OpenTurns(int(MARGIN_S * 1_000_000))
        self._held: dict[str, Callable[[], None]] = {}

    async def handle(self, record: Any, source: Source) -> None:
        """A turn began, or ended."""
        if isinstance(record, PromptSubmitted | RegenerateRequested):
            cause = Position(self._epoch, source.partition, source.offset)
            if self._turns.began(record, cause, self._price(record.model)):
                self._held[record.generation_id] = source.acknowledge
                return
        else:
            self._ended(record.turn.generation_id)
        source.acknowledge()

    async def run(self) -> None:
        """End what is overdue, until cancelled. Trouble with the log is waited out."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for watched in self._turns.due(now_us(), MOST_AT_ONCE):
                try:
                    await self._end(watched)
                except LogUnavailable as error:
                    _log.warning("looking again later", generation=watched.turn.generation_id, error=str(error))
                self._turns.later(watched, now_us() + int(LOOK_AGAIN_S * 1_000_000))

    async def _end(self, watched: Watched) -> None:
        turn = watched.turn
        try:
            ended = await asyncio.to_thread(self._has_ended, watched)
        except OutOfRange:
            # Token-chunks no longer holds it: days past its deadline it has an outcome, or never will.
            self._ended(turn.generation_id)
            return
        if not ended:
            _log.warning("expired", generation=turn.generation_id, model=turn.model)
            await self._producer.send(TOKEN_CHUNKS, turn.conversation_id, expiry(watched, now_us()))

    def _has_ended(self, watched: Watched) -> bool:
        turn = watched.turn
        _, end = watermarks(self._properties, TOKEN_CHUNKS, turn.tail.partition)
        fold = fold_generation(self._properties, TOKEN_CHUNKS, turn.conversation_id, turn.generation_id, turn.tail, end)
        return fold.finished

    def _ended(self, generation_id: str) -> None:
        self._turns.ended(generation_id)
        acknowledge = self._held.pop(generation_id, None)
        if acknowledge is not None:
            acknowledge()

    def _price(self, model: str) -> Price:
        try:
            return self._models.get(model).price
        except ModelNotFound:
            return UNKNOWN_PRICE


def make_watchdog_app(settings: Settings, models: ModelCatalogue) -> StreamApp:
    """The Faust application of the watchdog process. Raises SettingsError without a broker."""
    app = make_app("watchdog", settings, pools=models.pools, lazy_ms=LAZY_MS, holds=True)
    epoch = app.topics_catalogue[CONVERSATION_EVENTS].epoch

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler]:
        watchdog = Watchdog(settings, models, producer, epoch)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(watchdog.run())
            try:
                yield watchdog.handle
            finally:
                looking.cancel()

    def open_handler(producer: LogProducer) -> AbstractAsyncContextManager[Handler]:
        return opened(producer)

    topics = (CONVERSATION_EVENTS, GENERATION_OUTCOMES)
    run_agent(app, topics, (*_COMMANDS, *_OUTCOMES), open_handler, holds=True)
    return app
