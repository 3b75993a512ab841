"""The worker process: jobs become answers in token-chunks. Read from top to bottom: connections, work, stop.

VERBATIM_INSTANCE names the worker stably over restarts (static group membership); without it the worker is a dynamic
member of its group. With `--spare` it is named later, by a line on its standard input, and waits for that line with
everything ready but its place in the group (see inference_workers.spare).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack

from inference_workers.attempt import WorkerContext
from inference_workers.engines import Engines, import_adapters
from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.job_reader import JobReader
from inference_workers.leases import Leases
from inference_workers.lookback import Lookback
from inference_workers.ports import Engine, EngineError
from inference_workers.publishing import BUSY_LINGER_MS, Outlet
from inference_workers.spare import NotOrders, Orders, move_output, wait_for_orders
from inference_workers.worker import Worker
from infra.blobs.store import ObjectBlobs, blobs_url
from infra.heap import keep_out_of_collections
from infra.lifesign import LIFESIGN_VARIABLE, LifeSign
from infra.logging import get_logger
from infra.models.catalogue import ModelCatalogue
from infra.processes.runner import run, run_loop, stop_event
from infra.runtime.metrics import tell_build
from infra.runtime.metrics_server import METRICS
from infra.settings import Settings
from infra.settings.environment import INSTANCE_VARIABLE
from infra.tiers.tiers_file import load_tiers
from topics.catalogue import (
    ADMISSIONS,
    CONTROL,
    GENERATION_OUTCOMES,
    jobs_topics,
)
from topics.counts import configured, on_broker
from topics.fairness.flows import Rules, usual_user_limit
from topics.producer import LogProducer
from topics.tail import Tail

SPARE = "--spare"
GRACE_S = 2.0
FIRST_ASSIGNMENT_S = 15.0
OUTCOMES_LAZY_MS = 500
"""What outcomes tell may wait: that a job need not be looked at again, or of an end that also a cancel notice tells."""

_log = get_logger(__name__)


async def run_worker(
    settings: Settings, models: ModelCatalogue, stop: asyncio.Event, *, as_spare: bool = False
) -> None:
    """Serve the pool's jobs until `stop`, as a spare once it has its orders.

    Raises LogError when the log is away at the start or for good, NotOrders when a spare is told nonsense.
    """
    properties, pool = settings.kafka.client_properties(), settings.worker.pool
    wanted = configured(settings.kafka, tuple(dict.fromkeys((*models.pools, pool))))
    topics = await asyncio.to_thread(on_broker, properties, wanted)
    instance = os.environ.get(INSTANCE_VARIABLE)
    async with AsyncExitStack() as opened:
        calm = LogProducer(properties, topics, linger_ms=0, client_id="verbatim-worker-calm")
        busy = LogProducer(properties, topics, linger_ms=BUSY_LINGER_MS, client_id="verbatim-worker-busy")
        served = models.of_pool(pool)
        async with asyncio.TaskGroup() as starting:
            for producer in (calm, busy):
                opened.push_async_callback(producer.aclose)
                starting.create_task(producer.start())
            starting.create_task(asyncio.to_thread(import_adapters, served))
        engines = PerseveringEngine(Engines(served, settings.triton.grpc, ObjectBlobs(blobs_url(settings))))
        opened.push_async_callback(engines.aclose)
        lookback = Lookback(properties)
        leases = Leases(properties, calm)
        context = WorkerContext(
            engine=engines,
            models=models,
            lookback=lookback,
            outlet=Outlet(calm, busy, topics),
            worker=instance or f"{socket.gethostname()}:{os.getpid()}",
            still_owner=lambda job: worker.still_owner(job),
            pool=pool,
            leases=leases,
        )
        worker = Worker(context, topics, calm, rules=_rules(settings))
        control = Tail(properties, CONTROL, worker.signals.on_control)
        outcomes = Tail(properties, GENERATION_OUTCOMES, worker.signals.on_outcomes, lazy_ms=OUTCOMES_LAZY_MS)
        admissions = Tail(properties, ADMISSIONS, leases.on_admissions)
        tails = ((control, CONTROL), (outcomes, GENERATION_OUTCOMES), (admissions, ADMISSIONS))
        for tail, topic in tails:
            await tail.start(list(range(topics[topic].partitions)))
            opened.push_async_callback(tail.aclose)
        orders: Orders | None = None
        async with asyncio.TaskGroup() as tasks:
            # Beside the work: a server that does not answer must not hold up the models of the others.
            watched = [tasks.create_task(tail.failed()) for tail, _ in tails]
            watched.append(tasks.create_task(_check(engines)))
            if as_spare:
                orders = await _named_later(stop, settings.log.level)
            if orders is not None or not as_spare:
                # Last: every cancel notice from here on is received, and what is older is scanned.
                name = orders.instance if orders is not None else instance
                reader = JobReader(properties, jobs_topics(pool), f"verbatim-workers-{pool}", name, worker)
                worker.attach(reader, name)
                reader.start()
                opened.push_async_callback(reader.aclose)
                watched.append(tasks.create_task(reader.failed()))
                watched.append(tasks.create_task(_beats(reader, stop, orders)))
                await worker.run(stop, grace_s=GRACE_S)
            for task in watched:
                task.cancel()


def _rules(settings: Settings) -> Rules:
    """Raises TiersFileError."""
    work, tiers = settings.worker, load_tiers(settings)
    return Rules(
        slots=work.slots,
        user_limit=usual_user_limit(work.slots),
        held_back=min(work.held_back_slots, work.slots - 1),
        lowest_share=work.lowest_share_percent,
        tier_weights_milli={name: tiers.of(name).weight_milli for name in tiers.names},
    )


async def _named_later(stop: asyncio.Event, write_level: int) -> Orders | None:
    """A spare's wait. None: told to stop before it was needed."""
    _log.info("waiting to stand in")
    orders = await wait_for_orders(stop)
    if orders is not None:
        os.environ[INSTANCE_VARIABLE] = orders.instance
        os.environ[LIFESIGN_VARIABLE] = str(orders.lifesign)
        tell_build("worker", orders.instance, write_level)
        if orders.metrics_port:
            METRICS.serve(orders.metrics_port)
        move_output(orders.log)
        _log.info("standing in", instance=orders.instance)
    return orders


async def _beats(reader: JobReader, stop: asyncio.Event, orders: Orders | None) -> None:
    """The first beat says ready: it waits for the first assignment, but not for ever. A stand-in, which has beaten all
    the time, goes on at once: its supervisor waits for the sign that it has heard.
    """
    if orders is not None:
        await LifeSign(orders.lifesign).run_beats(stop)
        return
    try:
        async with asyncio.timeout(FIRST_ASSIGNMENT_S):
            await reader.assigned()
    except TimeoutError:
        _log.warning("no partitions yet", waited_s=FIRST_ASSIGNMENT_S)
    _log.info("ready")
    await LifeSign.from_env().run_beats(stop)


async def _check(engines: Engine) -> None:
    """Say what cannot be served now. The worker serves the rest, and this too once it is back."""
    try:
        await engines.check()
    except EngineError as error:
        _log.warning("an engine is not ready", code=error.code, reason=error.message)


def work(settings: Settings) -> None:
    """Work until a stop. Raises what `run_worker` does."""
    models = ModelCatalogue.of(settings)
    # What was imported lives as long as the process: a collection need not look at it again and again.
    keep_out_of_collections()

    async def until_stopped() -> None:
        await run_worker(settings, models, stop_event(), as_spare=SPARE in sys.argv[1:])

    run_loop(until_stopped())


def main() -> int:
    return run("worker", work, outside=(NotOrders,), arguments=(SPARE,))


if __name__ == "__main__":
    sys.exit(main())
