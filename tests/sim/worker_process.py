"""A worker: all of inference_workers but its JobReader's thread, whose order of effects is followed here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from inference_workers.attempt import WorkerContext
from inference_workers.job_reader import BATCH, HAND_OVER_S, IN_TOUCH_S, POLL_S, JobHandler
from inference_workers.leases import Leases
from inference_workers.lookback import Lookback
from inference_workers.publishing import Outlet
from inference_workers.worker import Worker
from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue
from tests.fakes.broker import Place
from tests.sim.engine import CountingEngine
from tests.sim.member import Member
from tests.sim.network import Network
from tests.sim.producing import SimProducer
from tests.sim.reading import SimTail
from tests.sim.virtual_time import Process
from topics.catalogue import ADMISSIONS, CONTROL, GENERATION_OUTCOMES, OVERFLOW, jobs_topics
from topics.errors import FatalLogError
from topics.fairness.flows import Rules, usual_user_limit

GROUP = "verbatim-workers-default"
SESSION_S = 3.0
SLOTS = 2
GRACE_S = 2.0
UNNOTICED_POLLS = 2


class SimJobReader:
    """inference_workers.job_reader.JobReader without its thread.

    A member that was given up by its group learns it only some polls later: until then it takes itself for the owner.
    """

    def __init__(self, network: Network, process: Process, instance: str, handler: JobHandler) -> None:
        topics = [str(topic) for topic in jobs_topics("default")]
        self._network = network
        self._handler = handler
        self._member = Member(network, process, GROUP, topics, instance, SESSION_S)
        self._commits: dict[Place, int] = {}
        self._pause_wanted = self._pause_overflow = False
        self._polled_at_s = monotonic_s()
        self._unnoticed = network.rng.randrange(UNNOTICED_POLLS + 1)

    @property
    def in_touch(self) -> bool:
        return monotonic_s() - self._polled_at_s < IN_TOUCH_S

    def pause(self, wanted: bool, overflow: bool) -> None:
        self._pause_wanted, self._pause_overflow = wanted, overflow

    def commit(self, offsets: Mapping[Place, int]) -> None:
        self._commits.update(offsets)

    async def run(self) -> None:
        member = self._member
        while True:
            self.commit_due()
            await self._rebalance()
            batch = member.batch(BATCH, self._paused())
            self._polled_at_s = monotonic_s()
            if batch:
                self._handler.jobs_arrived(batch)  # type: ignore[arg-type]  # a MemoryMessage has what it reads of one
            await member.wait(POLL_S)

    def _paused(self) -> frozenset[Place]:
        overflow = {place for place in self._member.next if self._pause_overflow and place[0].endswith(OVERFLOW)}
        return frozenset(self._member.next) if self._pause_wanted else frozenset(overflow)

    def commit_due(self) -> None:
        due, self._commits = self._commits, {}
        self._member.commit(due)

    async def _rebalance(self) -> None:
        try:
            revoked, assigned = self._member.changes()
        except FatalLogError:
            if not self._unnoticed:
                raise
            self._unnoticed -= 1
            return
        if revoked:
            try:
                async with asyncio.timeout(HAND_OVER_S):
                    offsets = await self._handler.partitions_revoked(sorted(revoked))
                self._commits.update(offsets)
                self.commit_due()
            except TimeoutError:
                pass  # let go: the next attempt fences what still runs
            self._member.release(revoked)
        if assigned:
            self._member.take(assigned)
            ends = {place: self._network.broker.end(*place) for place in sorted(assigned)}
            self._handler.partitions_assigned(ends)


async def run_worker(
    network: Network, process: Process, slot: str, models: ModelCatalogue, engine: CountingEngine, stop: asyncio.Event
) -> None:
    """infra.processes.worker.run_worker over the fakes."""
    calm, busy = SimProducer(network, process), SimProducer(network, process)
    leases = Leases({}, calm)
    context = WorkerContext(
        engine=engine,
        models=models,
        lookback=Lookback({}),
        outlet=Outlet(calm, busy, network.topics),
        worker=slot,
        still_owner=lambda job: worker.still_owner(job),
        pool="default",
        leases=leases,
    )
    worker = Worker(context, network.topics, calm, rules=Rules(SLOTS, usual_user_limit(SLOTS)))
    SimTail(network, process, CONTROL, worker.signals.on_control)
    SimTail(network, process, GENERATION_OUTCOMES, worker.signals.on_outcomes)
    SimTail(network, process, ADMISSIONS, leases.on_admissions)
    reader = SimJobReader(network, process, slot, worker)
    worker.attach(reader)  # type: ignore[arg-type]  # a SimJobReader has what it asks of one
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.run())
        await worker.run(stop, grace_s=GRACE_S)
        reading.cancel()
    reader.commit_due()
