"""One user with thousands of queued jobs, and light ones who take turns, before real workers in virtual time.

    python -m tests.sim.flood --jobs 10000 --turns 2000 --kills 50 --seed 1

The log is in memory, its jobs topic has the lanes that the conversation agent chooses, and a killed worker's successor
begins where the group had committed. All picks are worked out again from the log afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import quantiles
from unittest.mock import patch

import infra.clock
import infra.ids
from inference_workers.job_reader import BATCH, Partition
from inference_workers.ports import Delta, EngineEvent, EngineRequest, Finish
from inference_workers.worker import Worker
from infra.models.spec import ModelSpec
from schemas.codec import decode, encode
from schemas.generation import AttemptEnded, TokenChunk
from streams.conversation.overflow import Backlogs
from tests.fakes.broker import MemoryMessage
from tests.sim.installed import Secrets
from tests.sim.virtual_time import VirtualLoop, run
from tests.unit.inference_workers.memory_log import (
    FAR_US,
    MemoryLog,
    MemoryProducer,
    VirtualClock,
    a_context,
    job_record,
)
from topics.catalogue import OVERFLOW, TOKEN_CHUNKS, jobs_topic
from topics.fairness.flows import Rules
from topics.fairness.replay import Picks, Report

TOKENS = 16
TOKEN_S = 0.01
SLOTS = 4
SLOT_S = TOKENS * TOKEN_S
LIGHT = 8
READ_S = 0.002


class PacedEngine:
    """A token each TOKEN_S."""

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        for _ in range(request.max_tokens):
            await asyncio.sleep(TOKEN_S)
            yield Delta("x", 1)
        yield Finish("length")

    def continues(self, model: ModelSpec) -> bool:
        return True

    async def check(self) -> None:
        """Always there."""

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Reader:
    """inference_workers.job_reader.JobReader over jobs in memory: reads in batches what is not paused.

    `places`: its partitions. `held`: the messages of one. `every_s`: the pause between two looks.
    """

    places: Sequence[Partition]
    held: Callable[[Partition], Sequence[MemoryMessage]]
    committed: dict[Partition, int]
    every_s: float = READ_S
    in_touch: bool = True
    paused: bool = False
    overflow_paused: bool = False
    following: dict[Partition, int] = field(default_factory=dict)

    def pause(self, wanted: bool, overflow: bool) -> None:
        self.paused, self.overflow_paused = wanted, overflow

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.committed.update(offsets)

    async def run(self, worker: Worker) -> None:
        self.following = {place: self.committed.get(place, 0) for place in self.places}
        worker.partitions_assigned({place: len(self.held(place)) for place in self.places})
        while True:
            for place in self.places:
                if self.paused or (self.overflow_paused and place[0].endswith(OVERFLOW)):
                    continue
                at = self.following[place]
                batch = self.held(place)[at : at + BATCH]
                self.following[place] = at + len(batch)
                if batch:
                    worker.jobs_arrived(list(batch))  # type: ignore[arg-type]  # a MemoryMessage each
            await asyncio.sleep(self.every_s)


@dataclass(frozen=True, slots=True)
class Result:
    """`ttft_s`: of the light users' turns, in their order."""

    ttft_s: tuple[float, ...]
    heavy_done: int
    report: Report

    @property
    def p99_s(self) -> float:
        return quantiles(self.ttft_s, n=100, method="inclusive")[98]


class Flood:
    """One run. `heavy`: how many jobs the heavy user has queued before anybody else comes."""

    def __init__(self, *, heavy: int, turns: int, kills: int, seed: int, rules: Rules) -> None:
        self._heavy, self._turns, self._kills, self._rules = heavy, turns, kills, rules
        self._rng = Random(seed)
        self._log = MemoryLog()
        self._backlogs = Backlogs()
        self._committed: dict[Partition, int] = {}
        self._firsts: dict[str, asyncio.Future[None]] = {}
        self._ends: dict[str, asyncio.Future[None]] = {}
        self._read = 0
        self._asked = 0
        self._ended = 0
        self._worker: Worker | None = None

    def run(self) -> Result:
        loop = VirtualLoop(self._rng)
        secrets = Secrets(Random(f"ids {self._rng.random()}"))
        with (
            self._log.installed(),
            patch.object(infra.clock, "time", VirtualClock(loop)),
            patch.object(infra.ids, "secrets", secrets),
        ):
            ttfts = run(loop, self._main())
        picks = Picks()
        for lane in ("", OVERFLOW):
            topic = jobs_topic("default", "interactive", lane)
            for message in self._log.of(topic):
                picks.take_raw(str(topic), 0, message.offset(), message.value())
        for message in self._log.of(TOKEN_CHUNKS):
            picks.take_raw(str(TOKEN_CHUNKS), 0, message.offset(), message.value())
        return Result(tuple(ttfts), self._ended - len(ttfts), picks.check())

    async def _main(self) -> list[float]:
        for _ in range(self._heavy):
            self._ask("heavy")
        ttfts: list[float] = []
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(self._workers()), tasks.create_task(self._readers())]
            await asyncio.sleep(1.0)
            for turn in range(self._turns):
                begun = asyncio.get_running_loop().time()
                generation_id = self._ask(f"light-{turn % LIGHT}")
                await self._firsts[generation_id]
                ttfts.append(asyncio.get_running_loop().time() - begun)
                await self._ends[generation_id]
                await asyncio.sleep(self._rng.uniform(0, SLOT_S))
            for helper in helpers:
                helper.cancel()
        return ttfts

    def _ask(self, user_id: str) -> str:
        self._asked += 1
        job = job_record()
        generation_id = f"g{self._asked}"
        lane = self._backlogs.lane(generation_id, user_id, 0, FAR_US)
        turn = replace(job.turn, generation_id=generation_id, user_id=user_id, conversation_id=f"c{self._asked}")
        job = replace(job, turn=turn, lane=lane, sampling=replace(job.sampling, max_tokens=TOKENS))
        topic = str(jobs_topic("default", "interactive", lane))
        self._log.append(topic, turn.conversation_id.encode(), encode(job))
        loop = asyncio.get_running_loop()
        self._firsts[generation_id], self._ends[generation_id] = loop.create_future(), loop.create_future()
        return generation_id

    async def _workers(self) -> None:
        """One worker after another, each killed in the middle of its work."""
        for left in range(self._kills, -1, -1):
            serving = asyncio.ensure_future(self._serve())
            try:
                await (asyncio.sleep(self._rng.uniform(0.5, 3.0)) if left else serving)
            finally:
                # As a kill does it: nothing is handed over, ended or committed any more.
                await _killed(serving)

    async def _serve(self) -> None:
        places = [(str(jobs_topic("default", "interactive", lane)), 0) for lane in ("", OVERFLOW)]
        rules, reader = self._rules, Reader(places, lambda place: self._log.of(place[0]), self._committed)
        context = a_context(self._log, PacedEngine(), lambda job: worker.still_owner(job))
        worker = self._worker = Worker(context, self._log.topics, MemoryProducer(self._log), rules=rules)
        worker.attach(reader)  # type: ignore[arg-type]  # a Reader has what it asks of one
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(asyncio.Event(), grace_s=0.0))
            tasks.create_task(reader.run(worker))

    async def _readers(self) -> None:
        """The API's and the recorder's part: tell what has begun, and what has ended."""
        while True:
            chunks = self._log.of(TOKEN_CHUNKS)
            for message in chunks[self._read :]:
                record = decode(message.value())
                if isinstance(record, TokenChunk):
                    _done(self._firsts[record.generation_id])
                elif isinstance(record, AttemptEnded) and record.finish_reason != "handed_over":
                    self._end(record)
            self._read = len(chunks)
            await asyncio.sleep(0.001)

    def _end(self, ended: AttemptEnded) -> None:
        done = self._ends[ended.generation_id]
        if done.done():
            return
        done.set_result(None)
        self._ended += 1
        self._backlogs.ended(ended.generation_id)
        if self._worker is not None:
            signals = self._worker.signals
            job = signals._jobs.get(ended.generation_id)
            if job is not None:
                signals._seen(job)


async def _killed(serving: asyncio.Future[None]) -> None:
    serving.cancel()
    await asyncio.wait([serving])


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def main() -> None:
    """Print the figures of one run beside the same without the flood."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("jobs", 10_000), ("turns", 2000), ("kills", 50), ("seed", 1), ("held-back", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    limit = SLOTS if asked.held_back else SLOTS - 1
    rules = Rules(SLOTS, limit, held_back=asked.held_back)
    for heavy in (0, asked.jobs):
        result = Flood(heavy=heavy, turns=asked.turns, kills=asked.kills, seed=asked.seed, rules=rules).run()
        report = result.report
        print(
            f"queued {heavy}: light TTFT p99 {result.p99_s * 1000:.1f} ms, {result.heavy_done} heavy answers; "
            f"picks {report.checked} as the rule gives, {report.wrong} not, {report.unchecked} not to be checked; "
            f"gap {report.most_gap} of {report.bound}; {report.reasons}"
        )


if __name__ == "__main__":
    main()
