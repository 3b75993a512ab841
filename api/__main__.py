"""The API process: `python -m api`. Connects, serves, and stops in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from types import FrameType
from typing import Protocol

import uvicorn
import uvloop
from confluent_kafka import Message

from api.access import rate_limit, used_links
from api.access.key_cache import KeyCache
from api.access.rate_limit import RedisLimiter
from api.access.sessions import Sessions
from api.access.used_links import RedisLinks
from api.app import Adapters, create_app
from api.consistency.log_ends import KafkaEnds
from api.consistency.own_writes import OwnWrites
from api.conversations.log_history import LogHistory
from api.http.cross_origin import CrossOrigin
from api.http.protocol import http_of
from api.http.readiness import Readiness
from api.log_view.live_log import LiveLog
from api.log_view.live_tail import KafkaLiveTail
from api.page.files import WebFiles, WebFilesMissing, read_folder
from api.pulse.fleet import KafkaFleet
from api.pulse.sampling import Pulse
from api.streaming.chunk_log import KafkaChunkLog
from api.streaming.readers import Readers
from api.streaming.tail_hub import TailHub
from infra import logging
from infra.cassandra import StoreError
from infra.clock import now_us
from infra.exits import EXIT_FAILED, EXIT_NEWER
from infra.heap import keep_out_of_collections
from infra.ids import draw_secret
from infra.lifesign import LifeSign
from infra.models.catalogue import ModelCatalogue, ModelsFileError
from infra.models.chat_templates import TemplateError
from infra.models.tokenizers import TokenCounter, TokenizerError
from infra.redis import RedisScripts
from infra.runtime.metrics import tell_build
from infra.runtime.metrics_server import METRICS
from infra.settings import ApiSettings, Settings, SettingsError, load
from infra.speaking import speak
from infra.stack.child import STACK_ID_VARIABLE
from infra.stack.layout import Layout
from infra.stack.snapshot import troubles
from projections.facade import Projections
from schemas.codec import NewerRecord
from topics.catalogue import ACCOUNT_EVENTS, TOKEN_CHUNKS, catalogue
from topics.clients import open_admin
from topics.counts import on_broker
from topics.errors import LogError
from topics.producer import LogProducer
from topics.tail import Tail

GRACE_S = 10
"""How long running answers may still flow after a stop was asked for; then their clients resume elsewhere."""
LOST_GRACE_S = 3
"""As GRACE_S, where the log cannot be followed any more: answers do not flow then, only what is being said is."""
ENDED_BY_S = 60.0
"""How long after its deadline a generation surely has its end; a stream that goes on longer is cut."""
BACKLOG = 2048


class Failing(Protocol):
    async def failed(self) -> None:
        """Raises once it can go on no more."""


class Server(uvicorn.Server):
    """Ends in order on SIGTERM and SIGINT; uvicorn's own way would send the signal on to this process once more.

    `on_exit` is called as soon as an end is asked for: it cuts the streams that have none of their own.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit
        self.failure: Exception | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_exit()
        super().handle_exit(sig, frame)

    async def end_with(self, tail: Failing) -> None:
        """Once `tail` fails, end in order: nobody new comes in, and who is being answered has a moment."""
        try:
            await tail.failed()
        except Exception as error:  # whatever it is, it is raised after the end
            self.failure = self.failure or error
            self.config.timeout_graceful_shutdown = LOST_GRACE_S
            self.handle_exit(signal.SIGTERM, None)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


class CannotListen(Exception):
    """The address to serve at cannot be had."""


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[Adapters, list[Failing]]]:
    """The adapters, connected, and the tails without which they are worth nothing."""
    models = ModelCatalogue.load(settings.models)
    for model in models:
        TokenCounter.of(model)  # reading a tokenizer takes its time; no request waits for it
    properties = settings.kafka.client_properties()
    configured = catalogue(
        models.pools,
        keyed_partitions=settings.kafka.keyed_partitions,
        token_chunk_partitions=settings.kafka.token_chunk_partitions,
    )
    topics = await asyncio.to_thread(on_broker, properties, configured)
    async with contextlib.AsyncExitStack() as stack:
        reads = await Projections.connect(settings.cassandra)
        stack.push_async_callback(reads.aclose)
        scripts = RedisScripts(settings.redis.url.get_secret_value())
        stack.push_async_callback(scripts.aclose)
        limiter = RedisLimiter(scripts, settings.api.requests_per_minute, settings.redis.key(rate_limit.KEY_PREFIX))
        await limiter.start()
        admin = open_admin(dict(properties))
        log = LogProducer(properties, topics, timeout_s=settings.api.produce_timeout_s, client_id="verbatim-api")
        await log.start()
        stack.push_async_callback(log.aclose)
        longest_s = max(model.deadlines.total_s for model in models)
        readers = Readers(settings.api.heartbeat_s, most_s=longest_s + ENDED_BY_S)
        keys = KeyCache(reads, readers.revoke)
        accounts = Tail(properties, ACCOUNT_EVENTS, keys.on_batch)
        await accounts.start(list(range(topics[ACCOUNT_EVENTS].partitions)))
        stack.push_async_callback(accounts.aclose)
        chunks = KafkaChunkLog(properties, topics)
        hub = TailHub(topics, chunks)
        live = LiveLog(
            lambda on_records: KafkaLiveTail(properties, topics, on_records),
            lambda place: chunks.position(place[1]),
        )

        def on_chunks(batch: list[Message]) -> None:
            hub.on_batch(batch)
            live.on_records(batch)

        await chunks.start(on_chunks)
        stack.push_async_callback(chunks.aclose)

        async def ask_log() -> None:
            await asyncio.to_thread(admin.list_topics, TOKEN_CHUNKS, 2.0)

        history = LogHistory(settings, topics)
        stack.push_async_callback(history.aclose)
        status_file = Layout.at(settings.state).status_file
        supervised = partial(troubles, status_file) if os.environ.get(STACK_ID_VARIABLE) else None
        readiness = Readiness({"log": ask_log, "projections": reads.ping}, supervised)
        ends, fleet = KafkaEnds(admin, topics), KafkaFleet(admin)
        stack.push_async_callback(fleet.aclose)
        pulse = Pulse(topics, live, history, ends, fleet, readiness, readers, settings.worker.slots)
        yield (
            Adapters(
                settings=settings.api,
                models=models,
                log=log,
                ends=ends,
                reads=reads,
                limiter=limiter,
                keys=keys,
                hub=hub,
                readers=readers,
                own_writes=OwnWrites(),
                readiness=readiness,
                history=history,
                started_at_us=now_us(),
                sessions=sessions_of(settings.api),
                links=RedisLinks(scripts, settings.redis.key(used_links.KEY_PREFIX)),
                web=WebFiles.of(read_folder()),
                topics=topics,
                live=live,
                pulse=pulse,
            ),
            [chunks, accounts],
        )


def sessions_of(settings: ApiSettings) -> Sessions:
    """The cookies and links that this process takes."""
    secret = settings.session_secret.get_secret_value()
    if not secret:
        secret = draw_secret()
        logging.get_logger(__name__).warning(
            "api.session_secret is not set: browsers signed in here are signed out when this process ends"
        )
    return Sessions(secret, round(settings.session_days * 86_400))


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises, in a group, what keeps the process from following the log."""
    with listening(settings.api.host, settings.api.port) as listener:
        async with connected(settings) as (adapters, tails):
            config = uvicorn.Config(
                create_app(adapters),
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                # Who asks, and by which scheme, is what these say; nobody else is believed.
                proxy_headers=True,
                forwarded_allow_ips=list(settings.api.trusted_proxies),
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE_S,
                http=http_of(CrossOrigin.of(settings.api.cors_origins)),
            )
            server = Server(config, adapters.end_pushed)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(LifeSign.from_env().run_beats(stop))
                forever = [tasks.create_task(server.end_with(tail)) for tail in tails]
                for run in (adapters.readers.run_ticks, adapters.live.run, adapters.pulse.run):
                    forever.append(tasks.create_task(run()))
                keep_out_of_collections()
                await server.serve([listener])
                stop.set()
                for task in forever:
                    task.cancel()
                if server.failure is not None:
                    raise server.failure


def listening(host: str, port: int) -> socket.socket:
    """A listening socket, had before anything is connected. Raises CannotListen with one line that says why."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.set_inheritable(False)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener


def main() -> int:
    """0 after an orderly end; EXIT_NEWER where a newer release's record was met; 1 for all else."""
    errors: list[Exception] = []
    too_new: list[Exception] = []
    try:
        settings = load()
        speak(settings)
        logging.configure("api", settings.log_level)
        tell_build("api", os.environ.get("VERBATIM_INSTANCE", ""), settings.log.level)
        METRICS.serve(settings.metrics.port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except* (
        SettingsError,
        ModelsFileError,
        TokenizerError,
        TemplateError,
        LogError,
        StoreError,
        CannotListen,
        WebFilesMissing,
    ) as group:
        errors += _leaves(group)
    except* NewerRecord as group:
        too_new += _leaves(group)
    for error in (*too_new, *errors):
        print(f"api: {error}", file=sys.stderr)
    if too_new:
        return EXIT_NEWER
    return EXIT_FAILED if errors else 0


def _leaves(group: ExceptionGroup[Exception]) -> list[Exception]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, ExceptionGroup) else [error])
    ]


if __name__ == "__main__":
    sys.exit(main())
