"""A log in memory with the producers, the look-backs and the worker that use it, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from unittest.mock import patch

from confluent_kafka import KafkaError

import inference_workers.lookback
import infra.clock
from inference_workers.attempt import Attempt, WorkerContext
from inference_workers.job_reader import Partition
from inference_workers.job_table import Delivery, Job
from inference_workers.lookback import Lookback
from inference_workers.ports import EngineEvent, EngineRequest
from inference_workers.publishing import Outlet
from inference_workers.worker import Worker
from infra.clock import now_us
from infra.models.catalogue import ModelCatalogue
from infra.models.spec import ModelSpec
from schemas.codec import NewerRecord, UndecodableRecord, decode, encode
from schemas.conversation import ChatMessage, Sampling
from schemas.dead_letter import DeadLetter
from schemas.envelope import Position
from schemas.generation import GenerationRequested
from tests import records
from tests.fakes.broker import MemoryMessage
from tests.generation_logs import TURN, envelope
from tests.sim.engine import COUNTS
from tests.sim.virtual_time import VirtualLoop, run
from topics.catalogue import DEAD_LETTERS, TOKEN_CHUNKS, catalogue
from topics.errors import RecordRefused
from topics.fairness.flows import Rules
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of
from topics.producer import LogProducer

FAR_US = 4_000_000_000_000_000
"""A deadline that no clock of these tests reaches."""
JOBS = "generation-jobs.default.interactive"
Refusal = Callable[[str, bytes], KafkaError | Exception | None]


class MemoryLog:
    """Records by topic. `refusal` says what becomes of a record: an exception of the producer's, an error of the
    broker's, or None for a record that is taken. `ack_s`: how late it is acknowledged."""

    def __init__(self) -> None:
        self.topics = catalogue()
        self._messages: dict[str, list[MemoryMessage]] = {}
        self.refusal: Refusal = lambda topic, value: None
        self.ack_s = 0.0
        self.set_aside: set[tuple[str, int]] = set()
        self.scan_hook: Callable[[int], None] = lambda partition: None

    def of(self, topic: str) -> list[MemoryMessage]:
        return self._messages.setdefault(topic, [])

    def append(self, topic: str, key: bytes, value: bytes) -> int:
        held = self.of(topic)
        held.append(MemoryMessage((topic, 0, len(held)), key, value, now_us()))
        return len(held) - 1

    @property
    def letters(self) -> list[DeadLetter]:
        letters = [DEAD_LETTERS.decode(message.value()) for message in self.of(DEAD_LETTERS)]
        return [letter for letter in letters if isinstance(letter, DeadLetter)]

    @property
    def generation(self) -> list[Any]:
        """What can be read of token-chunks."""
        found = []
        for message in self.of(TOKEN_CHUNKS):
            try:
                found.append(decode(message.value()))
            except (UndecodableRecord, NewerRecord):
                continue
        return found

    def fold(self) -> GenerationFold:
        fold = GenerationFold()
        for offset, record in enumerate(self.generation):
            fold.apply(record, Position(0, 0, offset))
        return fold

    def scan(
        self, properties: Mapping[str, str], topic: str, partition: int, start: int, stop: int, *, timeout_s: float
    ) -> Iterator[MemoryMessage]:
        self.scan_hook(partition)
        yield from self.of(topic)[start:stop]

    def watermarks(
        self, properties: Mapping[str, str], topic: str, partition: int, timeout_s: float
    ) -> tuple[int, int]:
        return 0, len(self.of(topic))

    def is_set_aside(self, properties: Mapping[str, str], topic: str, partition: int, offset: int, at_ms: int) -> bool:
        return (topic, offset) in self.set_aside

    @contextmanager
    def installed(self) -> Iterator[None]:
        with (
            patch.object(inference_workers.lookback, "scan", self.scan),
            patch.object(inference_workers.lookback, "watermarks", self.watermarks),
            patch.object(inference_workers.lookback, "is_set_aside", self.is_set_aside),
        ):
            yield


class MemoryProducer(LogProducer):
    """topics.producer.LogProducer with its own `send` and its own limit of a record."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._topics = log.topics
        self._timeout_s = 10.0
        self._loop = asyncio.get_running_loop()

    def fire(self, topic: str, key: str, value: bytes, acknowledged: Any = None, headers: object = None) -> None:
        limit = self._topics[topic].max_record_bytes
        if len(value) + 4 * len(key) + 256 > limit:
            raise RecordRefused(f"a record of {len(value)} bytes is too large for {topic}")
        refusal = self._log.refusal(topic, value)
        if isinstance(refusal, Exception):
            raise refusal
        offset = -1 if refusal is not None else self._log.append(topic, key.encode(), value)
        if acknowledged is not None:
            asyncio.get_running_loop().call_later(self._log.ack_s, acknowledged, refusal, offset)


class ScriptedEngine:
    """Yields what it is told, raises what is among it, waits where it is told to. `calls`: what it was asked for;
    `closed`: calls that ended; `taken`: events that were asked for."""

    def __init__(self, *events: EngineEvent | Exception, continues: bool = False) -> None:
        self.events: tuple[EngineEvent | Exception | Callable[[], Awaitable[None]], ...] = events
        self.calls: list[EngineRequest] = []
        self.closed = 0
        self.taken = 0
        self._continues = continues

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        self.calls.append(request)
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                if callable(event):
                    await event()
                    continue
                self.taken += 1
                yield event
                await asyncio.sleep(0)
        finally:
            self.closed += 1

    def continues(self, model: ModelSpec) -> bool:
        return self._continues

    async def check(self) -> None:
        """Always there."""

    async def aclose(self) -> None:
        """Nothing is open."""


def job_record(**changed: Any) -> GenerationRequested:
    job = records.job(
        replace(TURN, model=COUNTS.id),
        envelope=envelope(),
        messages=(ChatMessage("user", "hello"),),
        sampling=Sampling(max_tokens=200),
        deadline_at_us=FAR_US,
    )
    return replace(job, **changed)


def a_context(log: MemoryLog, engine: Any, worker: Callable[[Job], bool] = lambda job: True) -> WorkerContext:
    return WorkerContext(
        engine=engine,
        models=ModelCatalogue((COUNTS,)),
        lookback=Lookback({}),
        outlet=Outlet(MemoryProducer(log), MemoryProducer(log), log.topics),
        worker="worker-0",
        still_owner=worker,
        pool="default",
    )


def attempted(log: MemoryLog, engine: Any, request: GenerationRequested | None = None, *, old: bool = False) -> Job:
    """One attempt at one job, to its end."""
    job = Job(request or job_record(), [Delivery(JOBS, 0, 0, 1)], old)

    async def main() -> None:
        context = a_context(log, engine)
        looking = asyncio.ensure_future(context.lookback.run())
        try:
            await Attempt(context, job, Position(0, 0, 0)).run()
        finally:
            looking.cancel()

    with log.installed():
        run(VirtualLoop(Random(7)), main())
    return job


@dataclass
class Reader:
    """inference_workers.job_reader.JobReader as a worker uses it."""

    in_touch: bool = True
    paused: bool = False
    overflow_paused: bool = False
    committed: dict[Partition, int] = field(default_factory=dict)

    def pause(self, wanted: bool, overflow: bool) -> None:
        self.paused, self.overflow_paused = wanted, overflow

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.committed.update(offsets)


class Shop:
    """A worker with its reader, on a log in memory. `main` gets it while the worker runs."""

    def __init__(self, engine: Any, log: MemoryLog | None = None) -> None:
        self.log = log or MemoryLog()
        self.engine = engine
        self.reader = Reader()
        self.worker: Worker

    def run(self, main: Callable[[], Any]) -> None:
        """Raises what ended the worker."""
        loop = VirtualLoop(Random(7))

        async def whole() -> None:
            stop = asyncio.Event()
            context = a_context(self.log, self.engine, lambda job: self.worker.still_owner(job))
            self.worker = Worker(context, self.log.topics, MemoryProducer(self.log), rules=Rules(2, 1))
            self.worker.attach(self.reader)  # type: ignore[arg-type]  # a Reader has what it asks of one
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.worker.run(stop, grace_s=0.1))
                await asyncio.sleep(0.01)
                await main()
                stop.set()

        with self.log.installed(), patch.object(infra.clock, "time", VirtualClock(loop)):
            run(loop, whole())

    def deliver(self, *values: bytes | GenerationRequested, assigned: bool = True) -> None:
        """The records of the jobs topic from its beginning. `assigned`: its partition comes before them."""
        if assigned:
            self.worker.partitions_assigned({(JOBS, 0): 0})
        messages = [
            MemoryMessage((JOBS, 0, n), b"conversation", value if isinstance(value, bytes) else encode(value), 1)
            for n, value in enumerate(values)
        ]
        self.worker.jobs_arrived(messages)  # type: ignore[arg-type]  # a MemoryMessage has what it reads of one

    async def until(self, condition: Callable[[], bool], at_most_s: float = 600.0) -> None:
        """Wait, telling the worker of every outcome as the recorder would."""
        waited = 0.0
        while not condition():
            assert waited < at_most_s, "it never happened"
            await asyncio.sleep(0.05)
            waited += 0.05
            self.record_outcomes()

    def record_outcomes(self) -> None:
        fold = self.log.fold()
        if fold.finished:
            outcome = outcome_of(fold)
            key = outcome.turn.conversation_id.encode()
            message = MemoryMessage(("generation-outcomes", 0, 0), key, encode(outcome), 1)
            self.worker.signals.on_outcomes([message])  # type: ignore[list-item]  # a MemoryMessage has what it reads of one


class VirtualClock:
    """The module `time` as infra.clock uses it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def time_ns(self) -> int:
        return 1_800_000_000_000_000_000 + int(self._loop.time() * 1e9)

    def monotonic(self) -> float:
        return self._loop.time()
