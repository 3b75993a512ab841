"""One run: the whole way of the data in one event loop, its faults, and what it leaves behind for the checker."""

from __future__ import annotations

import asyncio
from random import Random

from infra.models.catalogue import ModelCatalogue
from schemas.codec import encode
from streams.conversation.titles import TitleModel
from tests.fakes.broker import MemoryBroker
from tests.fakes.grown_topics import grown
from tests.faults.evidence import Evidence
from tests.sim.admissions import hard_budget
from tests.sim.agent_processes import run_conversation, run_metering, run_projector, run_watchdog
from tests.sim.api_process import ApiServer
from tests.sim.clients import People
from tests.sim.committed import CommitWitness
from tests.sim.engine import COUNTS, COUNTS_ONCE, THINKS, CountingEngine
from tests.sim.left_behind import evidence_of
from tests.sim.network import Network
from tests.sim.plans import SLOTS, Fault, Plan
from tests.sim.recorder_process import run_recorder
from tests.sim.store import Reads, Store
from tests.sim.virtual_time import Process, VirtualLoop, until
from tests.sim.worker_process import run_worker
from topics.catalogue import ADMISSIONS, catalogue
from topics.errors import LogError

QUIET_WITHIN_S = 300.0
MODELS = ModelCatalogue((COUNTS, COUNTS_ONCE, THINKS))


class NotQuiet(Exception):
    """The run did not come to rest in (virtual) time."""


class World:
    """Everything of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = Random(f"world {plan.seed}")
        self.loop = VirtualLoop(self.rng)
        topics = catalogue(token_chunk_partitions=plan.partitions)
        topics = grown(topics) if plan.grown else topics
        self.broker = MemoryBroker(topics, self.loop.now_us)
        self.network = Network(
            self.loop,
            self.rng,
            topics,
            self.broker,
            late_acks=plan.late_acks,
            lost_acks=plan.lost_acks,
            lost_commits=plan.lost_commits,
        )
        self.store = Store(self.network)
        self.engine = CountingEngine(self.rng, {})
        self.witness = CommitWitness(self.broker, self.store)
        self.people = People(self.loop, self.rng, self._reachable_api, self._has_ended)
        self.slots: dict[str, Process] = {}
        self.unexpected: list[BaseException] = []
        self._api: ApiServer | None = None
        self._stops: dict[str, asyncio.Event] = {}
        self._lives: list[Process] = []
        self._over = False

    # -- processes ----------------------------------------------------------------------------------------------------

    def spawn(self, slot: str) -> None:
        """Start the next life of a slot; when it dies, another follows (the supervisor's work)."""
        if self._over:
            return
        process = Process(self.loop, slot)
        self.slots[slot] = process
        self._lives.append(process)
        process.on_death.append(lambda: self._died(process))
        process.start(self._main(slot, process))

    @property
    def lives(self) -> int:
        """How many processes there have been."""
        return len(self._lives)

    def _died(self, process: Process) -> None:
        error = process.error
        if error is not None and not _expected(error):
            self.unexpected.append(error)
        if self.slots[process.name] is process:
            self.loop.call_later(self.rng.uniform(0.05, 1.0), self._spawn_again, process)

    def _spawn_again(self, process: Process) -> None:
        if self.slots[process.name] is process:
            self.spawn(process.name)

    async def _main(self, slot: str, process: Process) -> None:
        network, store = self.network, self.store
        stop = self._stops[slot] = asyncio.Event()
        match slot.partition("-")[0]:
            case "api":
                api = ApiServer(network, process, store, MODELS, embeds=bool(self.plan.embeddings))
                self._api = api
                await api.run()
            case "conversation":
                titles = TitleModel(COUNTS.id, COUNTS.version) if self.plan.titles else None
                await run_conversation(network, process, store, MODELS, titles)
            case "metering":
                await run_metering(network, process)
            case "watchdog":
                await run_watchdog(network, process, MODELS)
            case "projector":
                await run_projector(network, process, store)
            case "recorder":
                await run_recorder(network, network.topics, stop)
            case _:
                await run_worker(network, process, slot, MODELS, self.engine, stop)

    def _reachable_api(self) -> ApiServer | None:
        return self._api if self._api is not None and self._api.reachable else None

    async def _has_ended(self, generation_id: str) -> bool:
        try:
            return await Reads(self.store).outcome(generation_id) is not None
        except Exception:
            return False

    # -- faults -------------------------------------------------------------------------------------------------------

    async def _nemesis(self) -> None:
        async with asyncio.TaskGroup() as group:
            for fault in self.plan.faults:
                group.create_task(self._strike(fault))

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        process = self.slots.get(fault.target)
        match fault.kind:
            case "kill" if process is not None:
                process.kill()
            case "kill_at_step" if process is not None:
                process.crash_at_step = process.steps + fault.step
            case "pause" if process is not None:
                process.stop()
                await asyncio.sleep(fault.for_s)
                process.resume()
            case "replace" if process is not None:
                self.spawn(fault.target)
                # The supervisor lets the first one go on for a moment, then makes sure of it.
                await asyncio.sleep(self.rng.choice((0.5, 2.0)))
                process.kill()
            case "term" if fault.target in self._stops:
                self._stops[fault.target].set()
            case "broker_away":
                self.network.away_until_s = self.loop.time() + fault.for_s
            case "store_away":
                self.store.away_until_s = self.loop.time() + fault.for_s
            case "engine_away":
                self.engine.away["until_s"] = self.loop.time() + fault.for_s

    # -- the run ------------------------------------------------------------------------------------------------------

    async def main(self) -> None:
        if self.plan.budget is not None:
            record = hard_budget("ada", self.plan.budget)
            partition = self.network.topics.partition(ADMISSIONS, record.account)
            self.broker.append(ADMISSIONS, partition, record.account.encode(), encode(record))
        for slot in SLOTS:
            if not slot.startswith("worker") or int(slot[-1]) < self.plan.workers:
                self.spawn(slot)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._nemesis())
                group.create_task(self._heal())
                for prompt in self.plan.prompts:
                    group.create_task(self.people.ask(prompt))
                for embedding in self.plan.embeddings:
                    group.create_task(self.people.embed(embedding))
            await self._quiet()
        finally:
            await self._end()

    async def _heal(self) -> None:
        await asyncio.sleep(self.plan.healed_at_s)
        self.network.healed = True
        for process in self.slots.values():
            process.crash_at_step = 1 << 62

    async def _quiet(self) -> None:
        """Until every record is handled and committed as far as it ever will be."""
        if not await until(self.witness.all_done, QUIET_WITHIN_S, 0.5):
            raise NotQuiet(", ".join(self.witness.undone()))
        await asyncio.sleep(2.0)

    async def _end(self) -> None:
        self._over = True
        for process in self._lives:
            process.kill()
        if not await until(lambda: all(process.done for process in self._lives), 60.0, 0.5):
            raise NotQuiet("tasks of dead processes do not unwind")

    def evidence(self) -> Evidence:
        return evidence_of(self.plan, self.people.journal, self.broker, self.store)


def _expected(error: BaseException) -> bool:
    """Whether a process may end by it: the log refused it for good. The supervisor starts it again."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_expected, error.exceptions))
    return isinstance(error, LogError | asyncio.CancelledError)
