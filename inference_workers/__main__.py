"""The worker process: `python -m inference_workers`. Read from top to bottom: settings, connections, work, stop.

VERBATIM_INSTANCE names the worker stably over restarts (static group membership); without it the worker is a dynamic
member of its group.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack

import uvloop

from inference_workers.attempt import Bench
from inference_workers.engines import Engines
from inference_workers.job_reader import JobReader
from inference_workers.lookback import Lookback
from inference_workers.ports import EngineError
from inference_workers.publishing import BUSY_LINGER_MS, Outlet
from inference_workers.worker import Worker
from infra.lifesign import LifeSign
from infra.logging import configure, get_logger
from infra.models import ModelCatalogue, ModelsFileError
from infra.settings import Settings, SettingsError, load
from topics.catalogue import (
    CONTROL,
    GENERATION_OUTCOMES,
    SERVICE_CLASSES,
    catalogue,
    jobs_topic,
)
from topics.errors import LogError
from topics.producer import LogProducer
from topics.tail import Tail

INSTANCE_VARIABLE = "VERBATIM_INSTANCE"
GRACE_S = 2.0
FIRST_ASSIGNMENT_S = 15.0

_log = get_logger(__name__)


async def run_worker(settings: Settings, models: ModelCatalogue, stop: asyncio.Event) -> None:
    """Serve the pool's jobs until `stop`. Raises LogError when the log is away at the start or for good."""
    properties, pool = settings.kafka.client_properties(), settings.worker.pool
    topics = catalogue(
        tuple(dict.fromkeys((*models.pools, pool))),
        keyed_partitions=settings.kafka.keyed_partitions,
        token_chunk_partitions=settings.kafka.token_chunk_partitions,
    )
    instance = os.environ.get(INSTANCE_VARIABLE)
    async with AsyncExitStack() as opened:
        engines = Engines(models.of_pool(pool), settings.triton.grpc)
        opened.push_async_callback(engines.aclose)
        calm = LogProducer(properties, topics, linger_ms=0, client_id="verbatim-worker-calm")
        busy = LogProducer(properties, topics, linger_ms=BUSY_LINGER_MS, client_id="verbatim-worker-busy")
        for producer in (calm, busy):
            opened.push_async_callback(producer.aclose)
            await producer.start()
        lookback = Lookback(properties)
        bench = Bench(
            engine=engines,
            models=models,
            lookback=lookback,
            outlet=Outlet(calm, busy, topics),
            worker=instance or f"{socket.gethostname()}:{os.getpid()}",
            still_owner=lambda job: worker.still_owner(job),
            pool=pool,
        )
        worker = Worker(bench, topics, calm, slots=settings.worker.slots)
        control = Tail(properties, CONTROL, worker.signals.on_control)
        outcomes = Tail(properties, GENERATION_OUTCOMES, worker.signals.on_outcomes, lazy=True)
        for tail, topic in ((control, CONTROL), (outcomes, GENERATION_OUTCOMES)):
            await tail.start(list(range(topics[topic].partitions)))
            opened.push_async_callback(tail.aclose)
        # Last: every doorbell rung from here on is heard, and what is older is scanned.
        jobs = [jobs_topic(pool, service_class) for service_class in SERVICE_CLASSES]
        reader = JobReader(properties, jobs, f"verbatim-workers-{pool}", instance, worker)
        worker.attach(reader)
        reader.start()
        opened.push_async_callback(reader.aclose)
        await _work(worker, reader, [control, outcomes], engines, stop)


async def _work(worker: Worker, reader: JobReader, tails: list[Tail], engines: Engines, stop: asyncio.Event) -> None:
    """The worker beside everything whose failure ends the process."""
    async with asyncio.TaskGroup() as tasks:
        watched = [tasks.create_task(tail.failed()) for tail in tails]
        watched.append(tasks.create_task(reader.failed()))
        watched.append(tasks.create_task(_beats(reader, stop)))
        # Beside the work: a server that does not answer must not hold up the models of the others.
        watched.append(tasks.create_task(_check(engines)))
        await worker.run(stop, grace_s=GRACE_S)
        for task in watched:
            task.cancel()


async def _beats(reader: JobReader, stop: asyncio.Event) -> None:
    """The first beat says ready: it waits for the first assignment, but not for ever."""
    try:
        async with asyncio.timeout(FIRST_ASSIGNMENT_S):
            await reader.assigned()
    except TimeoutError:
        _log.warning("no partitions yet", waited_s=FIRST_ASSIGNMENT_S)
    _log.info("ready")
    await LifeSign.from_env().run_beats(stop)


async def _check(engines: Engines) -> None:
    """Say what cannot be served now. The worker serves the rest, and this too once it is back."""
    try:
        await engines.check()
    except EngineError as error:
        _log.warning("an engine is not ready", code=error.code, reason=error.message)


async def _main(settings: Settings, models: ModelCatalogue) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await run_worker(settings, models, stop)


def main() -> int:
    """Exit status 0 after a stop, 1 when the log ended the work, 2 for wrong settings."""
    try:
        settings = load()
        models = ModelCatalogue.load(settings.models)
    except (SettingsError, ModelsFileError) as error:
        print(error, file=sys.stderr)
        return 2
    configure("worker", settings.log_level)
    # What was imported lives as long as the process: a collection need not look at it again and again.
    gc.collect()
    gc.freeze()
    try:
        uvloop.run(_main(settings, models))
    except LogError as error:
        return _ended_by(error)
    except BaseExceptionGroup as group:
        expected, rest = group.split(LogError)
        if rest is not None or expected is None:
            raise
        return _ended_by(*_leaves(expected))
    return 0


def _ended_by(*errors: Exception) -> int:
    for error in errors:
        _log.error("the log ended the work", reason=str(error))
    return 1


def _leaves(group: BaseExceptionGroup[LogError]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main())
