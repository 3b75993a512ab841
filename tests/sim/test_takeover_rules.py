"""The safety rules of a takeover (research "takeover" §8.5) on the product's own attempts, over the fake log.

Two hands reach for one generation: whatever the order of what they do, one owns it, and it ends once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_workers.attempt import Attempt, NotOwner, WorkerContext
from inference_workers.job_table import Delivery, Job, JobTable
from inference_workers.lookback import Lookback
from inference_workers.publishing import Outlet
from inference_workers.verification import Verification
from infra.models.catalogue import ModelCatalogue
from schemas.codec import decode, encode
from schemas.conversation import ChatMessage
from schemas.envelope import Envelope, Position
from schemas.generation import AttemptEnded, AttemptStarted
from tests import records
from tests.faults.accepted import accepted
from tests.faults.evidence import expected_text, question
from tests.sim.engine import COUNTS, PRICE, CountingEngine
from tests.sim.installed import installed
from tests.sim.plans import Plan
from tests.sim.producing import SimProducer
from tests.sim.virtual_time import EPOCH_US, Process, run, until
from tests.sim.world import World
from topics.catalogue import TOKEN_CHUNKS
from topics.commits import CommitTracker
from topics.errors import LogError
from topics.generation_fold import GenerationFold

TURN = records.turn(
    generation_id="g",
    conversation_id="c",
    user_id="ada",
    message_id="m",
    prompt_message_id="m",
    model=COUNTS.id,
    price=PRICE,
    cause=Position(0, 0, 0),
)
COUNT = 12


def job(*, old: bool) -> Job:
    request = records.job(
        TURN,
        envelope=Envelope("e", EPOCH_US, None, "request", "user:ada"),
        messages=(ChatMessage("user", question("t", COUNT)),),
        maybe_repeat=old,
        deadline_at_us=EPOCH_US + 30_000_000,
    )
    return Job(request, [Delivery("generation-jobs.default.interactive", 0, 0, 1)], old)


class Hands:
    """Workers, as far as one job goes: each a process that looks back, starts, writes and ends."""

    def __init__(self, seed: int) -> None:
        self.world = World(Plan(seed, 1, 1, (), (), late_acks=0.0, lost_acks=0.0, lost_commits=0.0))
        self.results: list[str] = []

    def hand(self, name: str, *, old: bool, owner: Callable[[], bool]) -> Process:
        process = Process(self.world.loop, name)
        process.start(self._work(process, job(old=old), owner))
        return process

    async def _work(self, process: Process, work: Job, owner: Callable[[], bool]) -> None:
        network = self.world.network
        lookback = Lookback({})
        looking = asyncio.ensure_future(lookback.run())
        context = WorkerContext(
            engine=CountingEngine(self.world.rng, {}),
            models=ModelCatalogue((COUNTS,)),
            lookback=lookback,
            outlet=Outlet(SimProducer(network, process), SimProducer(network, process), network.topics),
            worker=process.name,
            still_owner=lambda _: owner(),
            pool="default",
        )
        try:
            await Attempt(context, work, Position(0, 0, 0)).run()
            self.results.append("ran")
        except NotOwner:
            self.results.append("not ours")
        except LogError:
            self.results.append("log")
        finally:
            looking.cancel()

    def records(self) -> list[Any]:
        return [decode(message.value()) for message in self.world.broker.records() if message.topic() == TOKEN_CHUNKS]

    def run(self, main: Any) -> None:
        with installed(self.world):
            run(self.world.loop, main)


def check(records: list[Any]) -> None:
    """One owner a number, every later attempt from where the accepted text was, one end, the whole answer."""
    reading = accepted(records)
    assert reading.end is not None, "it has an end"
    assert reading.text == expected_text("t", COUNT)
    fold, due = GenerationFold(), dict[str, int]()
    for record in records:
        fold.apply(record)
        if isinstance(record, AttemptStarted) and fold.attempt_id == record.attempt_id:
            due[record.attempt_id] = fold.last_seq + 1
    numbers = {record.attempt_id: record.number for record in records if isinstance(record, AttemptStarted)}
    for attempt_id, number in numbers.items():
        first = next((record.seq for record in records if getattr(record, "attempt_id", None) == attempt_id
                      and hasattr(record, "seq")), None)  # fmt: skip
        assert first is None or number == 1 or first == due.get(attempt_id), "it writes only what can count"


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), late_s=st.floats(0.0, 0.05))
def test_two_that_reach_for_the_same_number_leave_one_owner(seed: int, late_s: float) -> None:
    hands = Hands(seed)

    async def main() -> None:
        both = [hands.hand("a", old=True, owner=lambda: True)]
        await asyncio.sleep(late_s)
        both.append(hands.hand("b", old=True, owner=lambda: True))
        await until(lambda: all(process.done for process in both))

    hands.run(main())
    check(hands.records())


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), steps=st.integers(0, 12), away_s=st.floats(0.01, 4.0), gone=st.booleans())
def test_one_that_sleeps_between_its_look_and_its_start_harms_nobody(
    seed: int, steps: int, away_s: float, gone: bool
) -> None:
    """`gone`: it knows when it wakes that it is no owner any more; else it takes itself for one."""
    hands = Hands(seed)

    async def main() -> None:
        owns = True
        sleeper = hands.hand("sleeper", old=True, owner=lambda: owns)
        await until(lambda: sleeper.steps >= steps or sleeper.done, every_s=0.0005)
        sleeper.stop()
        owns = not gone
        rightful = hands.hand("rightful", old=True, owner=lambda: True)
        await asyncio.sleep(away_s)
        sleeper.resume()
        await until(lambda: sleeper.done and rightful.done)

    hands.run(main())
    check(hands.records())


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 25))
def test_one_that_dies_leaves_what_the_next_goes_on_from(seed: int, steps: int) -> None:
    hands = Hands(seed)

    async def main() -> None:
        first = hands.hand("first", old=False, owner=lambda: True)
        first.crash_at_step = steps
        await until(lambda: first.done)
        await asyncio.sleep(1.0)
        second = hands.hand("second", old=True, owner=lambda: True)
        await until(lambda: second.done)

    hands.run(main())
    check(hands.records())


def test_an_end_that_a_dead_zombie_made_void_is_no_end() -> None:
    """The rightful worker's end does not count, because a zombie's start came before it; the zombie is dead. Whoever
    looks at the log before the commit sees that, and tries again."""
    hands = Hands(1)
    seen: list[str] = []

    async def main() -> None:
        broker = hands.world.broker
        done = hands.hand("rightful", old=True, owner=lambda: True)
        await until(lambda: any(isinstance(record, AttemptStarted) for record in hands.records()), every_s=0.001)
        start = next(record for record in hands.records() if isinstance(record, AttemptStarted))
        zombie = replace(start, attempt_id="zombie", number=start.number + 1)
        broker.append(TOKEN_CHUNKS, 0, b"c", encode(zombie))
        await until(lambda: done.done)
        assert any(isinstance(record, AttemptEnded) for record in hands.records())
        jobs, waiting = JobTable(), job(old=True)
        waiting.ended_at_s = -100.0
        jobs.take(waiting)
        lookback = Lookback({})
        looking = asyncio.ensure_future(lookback.run())
        verification = Verification(jobs, lookback, lambda _: seen.append("finished"), lambda _: seen.append("again"))
        verifying = asyncio.ensure_future(verification.run())
        await asyncio.sleep(1.5)
        for task in (looking, verifying):
            task.cancel()

    hands.run(main())
    assert seen == ["again"]
    assert accepted(hands.records()).end is None


@given(st.data())
def test_what_was_received_under_an_older_assignment_is_never_committed(data: st.DataObject) -> None:
    """Commits under any mix of assignments: each offset below a commit was finished under the epoch of that commit."""
    tracker, place = CommitTracker(), ("jobs", 0)
    epoch = tracker.assigned([place])
    offset, under, finished = 0, dict[int, int](), set[tuple[int, int]]()
    old: list[tuple[int, int]] = []
    for _ in range(data.draw(st.integers(1, 40))):
        match data.draw(st.sampled_from(("receive", "finish", "finish old", "reassign", "commit"))):
            case "receive":
                received = tracker.received("jobs", 0, offset)
                assert received == epoch
                under[offset] = epoch
                offset += 1
            case "finish" if under:
                which = data.draw(st.sampled_from(sorted(under)))
                tracker.finished("jobs", 0, which, under[which])
                finished.add((which, under[which]))
            case "finish old" if old:
                which, epoch_then = data.draw(st.sampled_from(old))
                tracker.finished("jobs", 0, which, epoch_then)
            case "reassign":
                tracker.lost([place])
                old += sorted(under.items())
                under, offset = {}, data.draw(st.integers(0, offset))
                epoch = tracker.assigned([place])
            case "commit":
                for upto in tracker.committable().values():
                    below = [at for at in under if at < upto]
                    assert all((at, epoch) in finished for at in below)


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_a_number_that_is_taken_stays_with_its_first_owner(taken: int) -> None:
    fold = GenerationFold()
    envelope = Envelope("e", EPOCH_US, None, "r", "system:test")
    for number in range(1, taken + 1):
        fold.apply(
            AttemptStarted(
                envelope=envelope,
                turn=TURN,
                attempt_id=f"owner-{number}",
                number=number,
                prompt_tokens=9,
                worker="w",
                job=Position(0, 0, 0),
            )
        )
    fold.apply(
        AttemptStarted(
            envelope=envelope,
            turn=TURN,
            attempt_id="late",
            number=taken,
            prompt_tokens=9,
            worker="w",
            job=Position(0, 0, 0),
        )
    )
    assert fold.attempt_id == f"owner-{taken}"


def test_the_seed_decides() -> None:
    """Hands with equal seeds do the same."""

    def texts(seed: int) -> list[Any]:
        hands = Hands(seed)

        async def main() -> None:
            process = hands.hand("a", old=True, owner=lambda: True)
            await until(lambda: process.done)

        hands.run(main())
        return hands.records()

    assert texts(Random(3).randrange(100)) == texts(Random(3).randrange(100))
