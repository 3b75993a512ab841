"""Faust applications as this project runs them (see streams.faust.running).

`make_app` makes one, `run_agent` gives it its one agent: a slow agent starves others of the same application (research
"streaming" §2b); other applications of the process have clients of their own. Nothing connects before the worker
starts. The process ends with a status that is not 0 on anything it cannot mend, and the supervisor restarts it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

import faust
import faust.tables.manager

from infra.exits import EXIT_FAILED, exit_status
from infra.lifesign import LifeSign
from infra.logging import get_logger
from infra.runtime.failures import first
from infra.settings import Settings
from infra.settings.environment import INSTANCE_VARIABLE
from infra.settings.errors import SettingsError
from schemas.families import Family, R
from streams.errors import Poison, Retry
from streams.faust.agents import Consumption, consume
from streams.faust.handlers import Handler, OpenHandler, Source
from streams.faust.health import Beating, run_beats
from streams.faust.transport import RawSchema, Transport
from topics.catalogue import Catalogue
from topics.counts import configured, on_broker
from topics.producer import LogProducer
from topics.set_aside import is_set_aside

__all__ = ["Handler", "OpenHandler", "Poison", "Retry", "Source", "StreamApp", "make_app", "run_agent"]

LAZY_LINGER_MS = 5
DRAIN_S = 6.0
DYNAMIC_SESSION_S = 10.0
STATIC_SESSION_S = 30.0
"""How long a member may be silent. A named one is taken over from by its next life at once, so its session needs only
outlast a restart of the broker: a client whose session ends meanwhile forgets its membership, and its next commit is
refused for good ("static consumer fenced"), which ends the process.
"""
EXIT_S = 12.0
"""A process that has been told to end, or crashed, ends after this time in any case."""

_log = get_logger(__name__)


class NoTables(faust.tables.manager.TableManager):  # type: ignore[misc]  # Faust ships no types
    """Agents here keep no tables, so their process need not wait a second for some to be declared."""

    async def on_start(self) -> None:
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class QuietMonitor(faust.Monitor):  # type: ignore[misc]  # Faust ships no types
    """Faust's, without the rates that it works out every second: infra.runtime.metrics tells them."""

    @faust.Monitor.task  # type: ignore[untyped-decorator]  # Faust ships no types
    async def _sampler(self) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What an app's one agent is made of: for callers other than Faust (a retry)."""

    topics: tuple[str, ...]
    records: Family[Any]
    open_handler: OpenHandler[Any]
    retry_on: tuple[type[Exception], ...]
    holds: bool


class StreamApp(faust.App):  # type: ignore[misc]  # Faust ships no types
    """A Faust application with our transport, bounded stops, and crashes that really end the process."""

    verbatim_name: str
    verbatim_settings: Settings
    topics_catalogue: Catalogue
    lazy_ms: int | None = None
    agent_parts: AgentParts | None = None
    sign: Beating | None = None
    _exit_status: int = EXIT_FAILED

    def become(self, instance: str, sign: Beating) -> None:
        """In a process of several: be this member of the consumer group, and beat this sign. Before it starts."""
        self.conf.consumer_group_instance_id = f"{self.conf.id}-{instance}"
        self.conf.broker_session_timeout = STATIC_SESSION_S
        self.sign = sign

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    async def on_first_start(self) -> None:
        for chatty in ("faust", "mode"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        await super().on_first_start()

    def _create_directories(self) -> None:
        """Agents here keep nothing on disk."""

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        # Faust waits for ever for what is in flight; what takes longer stays un-acknowledged and comes again.
        try:
            async with asyncio.timeout(DRAIN_S):
                await super()._consumer_wait_empty(consumer, logger)
        except TimeoutError:
            _log.warning("stopping with records in flight; they will be handled again", app=self.verbatim_name)

    def acknowledge(self, message: Any) -> None:
        """Let a message be committed, unless it belongs to an earlier assignment: then it is delivered again."""
        if message.generation_id == self.consumer_generation_id:
            message.ack(self.consumer)

    async def on_stop(self) -> None:
        self._exit_later(0 if self.crash_reason is None else self._exit_status)
        await super().on_stop()

    async def end(self, error: BaseException) -> None:
        """End the process, with a status that is not 0, because of `error`."""
        _log.critical("ending", app=self.verbatim_name, error=f"{type(error).__name__}: {error}")
        self._exit_status = exit_status(error)
        self._exit_later(self._exit_status)
        # Faust turns every error into status 1; it lets SystemExit pass.
        await self.crash(error if self._exit_status == EXIT_FAILED else SystemExit(self._exit_status))

    def _exit_later(self, status: int) -> None:
        timer = threading.Timer(EXIT_S, os._exit, (status,))
        timer.daemon = True
        timer.start()


def make_app(
    name: str,
    settings: Settings,
    *,
    pools: tuple[str, ...] = ("default",),
    lazy_ms: int | None = None,
    holds: bool = False,
) -> StreamApp:
    """The Faust application `verbatim-<name>`; its consumer group has the same name and starts at the beginning.

    `lazy_ms`: records may wait that long for others, which saves most of the CPU; None: each comes at once.
    `holds`: the agent holds acknowledgements back for long, so stops and rebalances do not wait for them.
    Raises SettingsError when there is no broker to talk to.
    """
    if not settings.kafka.bootstrap:
        raise SettingsError("kafka.bootstrap is empty: set it to the brokers, like 127.0.0.1:9092")
    instance = os.environ.get(INSTANCE_VARIABLE)
    group = f"verbatim-{name}"
    app = StreamApp(
        group,
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.bootstrap.split(",")],
        consumer_group_instance_id=f"{group}-{instance}" if instance else None,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=STATIC_SESSION_S if instance else DYNAMIC_SESSION_S,
        broker_heartbeat_interval=2.0,
        broker_commit_interval=0.5,
        broker_max_poll_records=500,
        stream_buffer_maxsize=4096,
        stream_wait_empty=not holds,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        TableManager=NoTables,
        Monitor=QuietMonitor,
        cython_optimizations=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        store="memory://",
        datadir=str(settings.state),
        autodiscover=False,
    )
    app.verbatim_name = name
    app.verbatim_settings = settings
    app.topics_catalogue = configured(settings.kafka, pools)
    app.lazy_ms = lazy_ms
    return app


def run_agent(
    app: StreamApp,
    topics: tuple[str, ...],
    records: Family[R],
    open_handler: OpenHandler[R],
    *,
    most_in_flight: int = 1,
    retry_on: tuple[type[Exception], ...] = (),
    holds: bool = False,
    imported: bool = False,
) -> None:
    """Give `app` its agent: every record of the family `records` in `topics` goes to the handler.

    A record is acknowledged after its handler returned; one that cannot be decoded, or for which the handler raises
    Poison, once its dead letter is acknowledged. On Retry, LogUnavailable and `retry_on` the handler is called again,
    with growing pauses, for five minutes; any other error ends the process, and the record comes again.
    `most_in_flight` records of different keys are handled side by side; those of one key one after another.
    With `holds` the handler itself calls `source.acknowledge()`. Records that a slice of another log brought are
    history, which only a handler with `imported` gets: what followed from them has followed elsewhere.
    """

    async def agent(stream: Any) -> None:
        try:
            await _run(app, stream, records, open_handler, most_in_flight, retry_on, holds, imported)
        except Exception as error:
            await app.end(first(error))
            # Faust would restart the agent in a process that is ending.
            await asyncio.Event().wait()

    app.agent_parts = AgentParts(topics, records, open_handler, retry_on, holds)
    agent.__name__ = app.verbatim_name
    agent.__module__ = "streams"
    app.agent(
        app.topic(*topics, schema=RawSchema(), key_type=bytes, value_type=bytes), name=f"streams.{app.verbatim_name}"
    )(agent)


async def _run(
    app: StreamApp,
    stream: Any,
    records: Family[R],
    open_handler: OpenHandler[R],
    most_in_flight: int,
    retry_on: tuple[type[Exception], ...],
    holds: bool,
    imported: bool,
) -> None:
    properties = app.verbatim_settings.kafka.client_properties()
    app.topics_catalogue = await asyncio.to_thread(on_broker, properties, app.topics_catalogue)
    producer = LogProducer(
        properties,
        app.topics_catalogue,
        linger_ms=0 if app.lazy_ms is None else LAZY_LINGER_MS,
        client_id=app.conf.id,
    )
    await producer.start()
    try:
        async with open_handler(producer) as handler, asyncio.TaskGroup() as group:
            consumption = Consumption(
                app.verbatim_name,
                handler,
                producer,
                records=records,
                retry_on=retry_on,
                holds=holds,
                acknowledge=app.acknowledge,
                maybe_repeat=lambda topic, partition, offset: app.consumer.maybe_repeat(topic, partition, offset),
                stopping=lambda: app.should_stop,
                imported=imported,
                set_aside=partial(is_set_aside, properties),
            )
            beats = group.create_task(
                run_beats(app, lambda: consumption.in_flight > 0, app.sign or LifeSign.from_env())
            )
            await consume(_messages(stream.noack()), consumption, most_in_flight)
            beats.cancel()
    finally:
        await producer.aclose()


async def _messages(stream: Any) -> Any:
    async for _ in stream:
        yield stream.current_event.message
