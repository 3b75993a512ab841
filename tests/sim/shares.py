"""Users of tiers of different weights who all ask more than there is, before real workers in virtual time.

    python -m tests.sim.shares --workers 4 --seconds 60 --seed 1

Each worker has a partition of the jobs, so a domain of its own; conversations are spread over the partitions as keys
are. Each user always has so many jobs waiting or running. All picks are worked out again from the log afterwards, and
the shares are what that says.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from unittest.mock import patch

import infra.clock
import infra.ids
from inference_workers.worker import Worker
from infra.clock import now_us
from schemas.codec import decode, encode
from schemas.generation import AttemptEnded
from schemas.price import Attribution
from tests.fakes.broker import MemoryMessage
from tests.sim.flood import PacedEngine, Reader
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
from topics.catalogue import TOKEN_CHUNKS, jobs_topic
from topics.fairness.flows import Rules, usual_user_limit
from topics.fairness.replay import Picks, Report

JOBS = str(jobs_topic("default", "interactive"))
WEIGHTS: Mapping[str, int] = {"one": 1, "two": 2, "four": 4}
"""The weights of the tiers."""
USERS_OF_A_TIER = 2
SLOTS = 4
WAITING = 9
"""Jobs that each user has for each worker, waiting or running: all of them together are within what a worker reads."""
LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Shares:
    """`served`: the work of each user, by tier and user. `weights`: of the tiers."""

    served: Mapping[tuple[str, str], int]
    weights: Mapping[str, int]
    report: Report

    def of_tiers(self) -> dict[str, float]:
        """What part of all work each tier's users got."""
        total = sum(self.served.values())
        return {tier: sum(work for (of, _), work in self.served.items() if of == tier) / total for tier in self.weights}

    @property
    def worst(self) -> float:
        """The most by which a tier's share differs from that of its weight, as a part of it."""
        total = sum(self.weights.values())
        return max(abs(share / (self.weights[tier] / total) - 1) for tier, share in self.of_tiers().items())

    @property
    def jain(self) -> float:
        """The least of the tiers' Jain indices: 1 where its users got the same."""
        of_tiers = [[work for (of, _), work in self.served.items() if of == tier] for tier in self.weights]
        return min(sum(work) ** 2 / (len(work) * sum(one**2 for one in work)) for work in of_tiers)


class Contest:
    """One run of so many virtual seconds."""

    def __init__(self, *, workers: int, seconds: float, seed: int) -> None:
        self._seconds = seconds
        self._rng = Random(seed)
        self._log = MemoryLog()
        self._jobs: list[list[MemoryMessage]] = [[] for _ in range(workers)]
        self._users = [(tier, f"{tier}-{n}") for tier in WEIGHTS for n in range(USERS_OF_A_TIER)]
        self._owner: dict[str, tuple[str, str]] = {}
        self._workers: list[Worker] = []

    def run(self) -> Shares:
        loop = VirtualLoop(self._rng)
        secrets = Secrets(Random(f"ids {self._rng.random()}"))
        with (
            self._log.installed(),
            patch.object(infra.clock, "time", VirtualClock(loop)),
            patch.object(infra.ids, "secrets", secrets),
        ):
            run(loop, self._main())
        picks = Picks()
        for partition, held in enumerate(self._jobs):
            for message in held:
                picks.take_raw(JOBS, partition, message.offset(), message.value())
        for message in self._log.of(TOKEN_CHUNKS):
            picks.take_raw(str(TOKEN_CHUNKS), 0, message.offset(), message.value())
        report = picks.check()
        served = dict.fromkeys(self._users, 0)
        for flow, work in report.work.items():
            served[flow.tier, flow.user_id] += work
        return Shares(served, WEIGHTS, report)

    async def _main(self) -> None:
        weights = {tier: weight * 1000 for tier, weight in WEIGHTS.items()}
        rules = Rules(SLOTS, usual_user_limit(SLOTS), tier_weights_milli=weights)
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(self._serve(place, rules)) for place in range(len(self._jobs))]
            helpers.append(tasks.create_task(self._ask_again()))
            await asyncio.sleep(LOOK_S)
            for user in self._users:
                for _ in range(WAITING * len(self._jobs)):
                    self._ask(user)
            await asyncio.sleep(self._seconds)
            for helper in helpers:
                helper.cancel()

    def _ask(self, user: tuple[str, str]) -> None:
        tier, user_id = user
        generation_id = f"g{len(self._owner)}"
        self._owner[generation_id] = user
        job = job_record()
        turn = replace(
            job.turn,
            generation_id=generation_id,
            user_id=user_id,
            conversation_id=f"c{generation_id}",
            attribution=Attribution(account=user_id, tier=tier),
        )
        job = replace(
            job,
            turn=turn,
            tier=tier,
            prompt_tokens=self._rng.randint(1, 30),
            sampling=replace(job.sampling, max_tokens=self._rng.randint(2, 24)),
            deadline_at_us=FAR_US,
        )
        partition = self._rng.randrange(len(self._jobs))
        held = self._jobs[partition]
        place = (JOBS, partition, len(held))
        held.append(MemoryMessage(place, turn.conversation_id.encode(), encode(job), now_us()))

    async def _serve(self, partition: int, rules: Rules) -> None:
        reader = Reader([(JOBS, partition)], lambda place: self._jobs[place[1]], {}, LOOK_S)
        context = a_context(self._log, PacedEngine(), lambda job: worker.still_owner(job))
        worker = Worker(context, self._log.topics, MemoryProducer(self._log), rules=rules)
        self._workers.append(worker)
        worker.attach(reader)  # type: ignore[arg-type]  # a Reader has what it asks of one
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(asyncio.Event(), grace_s=0.0))
            tasks.create_task(reader.run(worker))

    async def _ask_again(self) -> None:
        """Whose job has ended asks again at once; the recorder's part is that its worker hears of the end."""
        read = 0
        while True:
            chunks = self._log.of(TOKEN_CHUNKS)
            for message in chunks[read:]:
                record = decode(message.value())
                if isinstance(record, AttemptEnded):
                    self._ask(self._owner[record.generation_id])
                    for worker in self._workers:
                        job = worker.signals._jobs.get(record.generation_id)
                        if job is not None:
                            worker.signals._seen(job)
            read = len(chunks)
            await asyncio.sleep(LOOK_S)


def main() -> None:
    """Print the shares of one run beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("workers", 4), ("seconds", 60), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    shares = Contest(workers=asked.workers, seconds=asked.seconds, seed=asked.seed).run()
    report, total = shares.report, sum(WEIGHTS.values())
    for tier, share in shares.of_tiers().items():
        print(f"{tier}: {share:.4f} of the work, {WEIGHTS[tier] / total:.4f} by its weight")
    print(
        f"worst difference {shares.worst:.2%}, Jain index {shares.jain:.4f} at least; "
        f"picks {report.checked} as the rule gives, {report.wrong} not, {report.unchecked} not to be checked; "
        f"gap {report.most_gap} of {report.bound}; {report.reasons}"
    )


if __name__ == "__main__":
    main()
