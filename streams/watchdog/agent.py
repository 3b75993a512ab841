"""The watchdog agent: sees turns begin and end through Faust, and ends those whose deadline has passed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from infra.clock import monotonic_s, now_us
from infra.crash_points import crash_point
from infra.logging import get_logger
from infra.models.catalogue import ModelCatalogue
from infra.models.prices import price_of
from infra.runtime.metrics import bound
from infra.settings import Settings
from schemas.codec import UnencodableRecord
from schemas.families import Family
from schemas.outcome import Outcome
from schemas.turns import Command
from streams.faust.app import Handler, Source, StreamApp, make_app, run_agent
from streams.watchdog.held import HeldAcknowledgements
from streams.watchdog.lookback import ended_among
from streams.watchdog.reactor import OpenTurns, Watched, expiry
from topics.catalogue import CONVERSATION_EVENTS, DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.dead_letters import dead_letter_of, letter_key
from topics.errors import LogUnavailable, RecordRefused
from topics.producer import LogProducer
from topics.spec import TopicSpec

MARGIN_S = 5.0
LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 30.0
MAX_AT_ONCE = 1000
LAZY_MS = 500
CAUGHT_UP_S = 2.0
BEHIND_S = 10.0
Watchable = Command | Outcome
RECORDS: Family[Watchable] = Family(Watchable)
_due_full = bound("watchdog.due")
_log = get_logger(__name__)


class Watchdog:
    """Sees turns begin and end. One that has not ended when it is due, and has no end in token-chunks, gets one.

    A command's acknowledgement is held until its turn is over, so a restart sees every open turn again.
    """

    def __init__(
        self, properties: Mapping[str, str], models: ModelCatalogue, producer: LogProducer, commands: TopicSpec
    ) -> None:
        self._properties = properties
        self._models = models
        self._producer = producer
        self._commands = commands
        self._turns = OpenTurns(int(MARGIN_S * 1_000_000))
        self._held = HeldAcknowledgements()
        self._newest_us = 0
        self._handled_s = 0.0

    async def handle(self, record: Watchable, source: Source) -> None:
        """A turn began, or ended."""
        self._newest_us = max(self._newest_us, source.timestamp_us)
        self._handled_s = monotonic_s()
        if isinstance(record, Command):
            cause = self._commands.position(source.partition, source.offset)
            running = self._turns.began(record, cause, price_of(record, self._models))
            self._held.began(source.partition, source.offset, running, source.acknowledge)
            crash_point("watchdog.after_command")
        else:
            self._turns.ended(record.turn.generation_id)
            self._held.ended(record.turn.generation_id, source.acknowledge)

    async def run(self) -> None:
        """End what is overdue, until cancelled. Trouble with the log is waited out."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._is_behind():
                continue
            due = self._turns.due(now_us(), MAX_AT_ONCE)
            if len(due) == MAX_AT_ONCE:
                _due_full()
            if due:
                try:
                    await self._end(due)
                except LogUnavailable as error:
                    _log.warning("looking again later", turns=len(due), error=str(error))
                for watched in due:
                    self._turns.later(watched, now_us() + int(LOOK_AGAIN_S * 1_000_000))

    def _is_behind(self) -> bool:
        """Old records are still being read: the outcomes of what seems overdue may be among them."""
        idle_s = monotonic_s() - self._handled_s
        return idle_s < CAUGHT_UP_S and now_us() - self._newest_us > BEHIND_S * 1_000_000

    async def _end(self, due: list[Watched]) -> None:
        ended = await asyncio.to_thread(ended_among, self._properties, [watched.turn for watched in due])
        for watched in due:
            turn = watched.turn
            if turn.generation_id in ended:
                # The recorder sees to it. Its outcome may never come here: of a command that was repeated late it was
                # read before a restart, and waiting for it would hold up this partition's commits for ever.
                self._turns.ended(turn.generation_id)
                self._held.ended(turn.generation_id)
            else:
                _log.warning("expired", generation=turn.generation_id, model=turn.model)
                crash_point("watchdog.before_expiry")
                try:
                    await self._producer.send(TOKEN_CHUNKS, turn.conversation_id, expiry(watched, now_us()))
                except (UnencodableRecord, RecordRefused) as error:
                    await self._give_up(watched, error)
                crash_point("watchdog.after_expiry")

    async def _give_up(self, watched: Watched, error: Exception) -> None:
        """The log refuses this turn's end. Write a dead letter, and do not block other turns."""
        turn = watched.turn
        letter = dead_letter_of(
            CONVERSATION_EVENTS,
            turn.cause.partition,
            turn.cause.offset,
            turn.conversation_id.encode(),
            None,
            [],
            consumer="streams.watchdog",
            error=error,
            at_us=watched.due_us,
            note="the log refused the turn's end; the command is at this offset",
        )
        try:
            await self._producer.send(DEAD_LETTERS, letter_key(letter.key), letter)
        except RecordRefused as refused:
            _log.error("the log refused a dead letter; this line is the only trace of it", reason=str(refused))
        _log.error("cannot be ended", generation=turn.generation_id, error=type(error).__name__)
        self._turns.ended(turn.generation_id)
        self._held.ended(turn.generation_id)


def make_watchdog_app(settings: Settings, models: ModelCatalogue) -> StreamApp:
    """The Faust application of the watchdog process. Raises SettingsError without a broker."""
    app = make_app("watchdog", settings, pools=models.pools, lazy_ms=LAZY_MS, holds=True)

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Watchable]]:
        commands = app.topics_catalogue[CONVERSATION_EVENTS]
        watchdog = Watchdog(settings.kafka.client_properties(), models, producer, commands)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(watchdog.run())
            try:
                yield watchdog.handle
            finally:
                looking.cancel()

    topics = (CONVERSATION_EVENTS, GENERATION_OUTCOMES)
    run_agent(app, topics, RECORDS, opened, holds=True)
    return app
