"""The worker on real servers: answers, cancels, crashes, hand-overs, poison, commits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.clock import now_us
from infra.ids import draw_id
from infra.settings import Settings
from schemas.codec import decode
from schemas.control import CancelRequested
from schemas.conversation import Sampling
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, TokenChunk
from schemas.price import Usage
from tests.eventually import eventually
from tests.fakes.openai_upstream import OpenAIUpstream
from tests.integration.worker_world import WorkerWorld
from topics.catalogue import CONTROL, DEAD_LETTERS, TOKEN_CHUNKS
from topics.scan import scan, watermarks

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


@pytest.fixture
async def upstream() -> AsyncIterator[OpenAIUpstream]:
    async with OpenAIUpstream() as running:
        yield running


@pytest.fixture
async def world(servers: Settings, tmp_path: Path, upstream: OpenAIUpstream) -> AsyncIterator[WorkerWorld]:
    made = await WorkerWorld.make(servers, tmp_path, upstream.url)
    yield made
    await made.producer.aclose()


async def test_an_answer_and_its_commit(world: WorkerWorld) -> None:
    with await world.worker() as worker:
        generation = await world.job("Zürich 🎉 <|user|>")
        await eventually(world.finished(generation), 20)
        records, fold = world.chunks(generation), world.fold(generation)
        assert isinstance(records[0], AttemptStarted)
        assert isinstance(records[-1], AttemptEnded)
        assert fold.text == "Zürich 🎉 <|user|>"
        assert fold.number == 1
        assert records[-1].finish_reason == "stop"
        assert records[-1].usage == Usage(17, 17, 1)
        assert [r.seq for r in records[1:-1] if isinstance(r, TokenChunk)] == list(range(1, fold.last_seq + 1))
        assert world.uncommitted() == 1
        await world.outcome(generation)
        await eventually(lambda: world.uncommitted() == 0, 10)
        assert worker.stop() == 0


async def test_failures_are_told_and_the_worker_goes_on(world: WorkerWorld) -> None:
    with await world.worker():
        broken, unknown = await world.job("ERROR abcdef"), await world.job("hi", "nonesuch")
        at_once = await world.job("BURST ERROR abcdef")
        long = await world.job("abcdef", sampling=Sampling(max_tokens=2))
        for generation in (broken, at_once, unknown, long):
            await eventually(world.finished(generation), 20)
        told = {g: world.fold(g).end for g in (broken, at_once, unknown, long)}
        ends = {g: end for g, end in told.items() if isinstance(end, AttemptEnded)}
        for failed in (broken, at_once):
            failure = ends[failed].failure
            assert failure is not None
            assert (failure.code, failure.retryable) == ("engine_failed", True)
            assert world.fold(failed).text == "abc"
        missing = ends[unknown].failure
        assert missing is not None
        assert (missing.code, missing.retryable) == ("model_not_found", False)
        assert ends[long].finish_reason == "length"


@pytest.mark.slow("a commit comes by the worker's own look-back")
async def test_a_cancel_notice_frees_the_slot_within_a_second(world: WorkerWorld, upstream: OpenAIUpstream) -> None:
    with await world.worker():
        generation = await world.job("STALL abcdef")
        await eventually(lambda: upstream.running == 1 and world.fold(generation).text == "abc", 20)
        turn = world.jobs[generation].turn
        envelope = Envelope(draw_id(), now_us(), None, "request", "user:user")
        await world.producer.send(
            TOKEN_CHUNKS, turn.conversation_id, GenerationEnded(envelope, turn, "cancelled", 3, None)
        )
        await world.producer.send(
            CONTROL, generation, CancelRequested(envelope, generation, turn.conversation_id, "cancelled")
        )
        was_cancelled = time.monotonic()
        await eventually(lambda: upstream.running == 0, 2)
        assert time.monotonic() - was_cancelled < 1
        # Without an outcome the worker asks the log itself, finds the end and commits.
        await eventually(lambda: world.uncommitted() == 0, 20)
        assert not any(isinstance(record, AttemptEnded) for record in world.chunks(generation))


async def test_a_job_whose_generation_has_ended_reaches_no_engine(world: WorkerWorld, upstream: OpenAIUpstream) -> None:
    generation = await world.job("hello")
    turn = world.jobs[generation].turn
    envelope = Envelope(draw_id(), now_us(), None, "request", "user:user")
    await world.producer.send(TOKEN_CHUNKS, turn.conversation_id, GenerationEnded(envelope, turn, "cancelled", 0, None))
    with await world.worker():
        await eventually(lambda: world.uncommitted() == 0, 20)
        assert len(world.chunks(generation)) == 1
        assert upstream.requests == []


@pytest.mark.slow("Kafka needs seconds to find a killed worker out")
async def test_a_killed_worker_is_resumed_where_it_was(world: WorkerWorld) -> None:
    with await world.worker() as first:
        generation = await world.job("count to 100", "local")
        await eventually(lambda: world.fold(generation).last_seq > 20, 20)
        first.kill()
    with await world.worker():
        await eventually(world.finished(generation), 30)
    fold = world.fold(generation)
    assert fold.text == ", ".join(map(str, range(1, 101)))
    assert fold.number == 2
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.usage.prompt_tokens == 7
    assert fold.end.usage.completion_tokens == fold.completion_tokens


@pytest.mark.slow("a long answer goes on in a second worker process")
async def test_a_stopped_worker_hands_over(world: WorkerWorld) -> None:
    with await world.worker() as first:
        generation = await world.job("count to 120", "local")
        await eventually(lambda: world.fold(generation).last_seq > 20, 20)
        assert await asyncio.to_thread(first.stop) == 0
    said = [record for record in world.chunks(generation) if isinstance(record, AttemptEnded)]
    assert [end.finish_reason for end in said] == ["handed_over"]
    assert said[0].last_seq == world.fold(generation).last_seq
    with await world.worker("worker-0"):
        await eventually(world.finished(generation), 30)
    assert world.fold(generation).text == ", ".join(map(str, range(1, 121)))
    assert world.fold(generation).number == 2


async def test_what_cannot_be_continued_fails_and_keeps_its_text(world: WorkerWorld) -> None:
    with await world.worker() as first:
        generation = await world.job("STALL abcdef")
        await eventually(lambda: world.fold(generation).text == "abc", 20)
        first.kill()
    with await world.worker():
        await eventually(world.finished(generation), 30)
    fold = world.fold(generation)
    assert fold.text == "abc"
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.failure is not None
    assert (fold.end.failure.code, fold.end.failure.retryable) == ("interrupted", True)


async def test_repeated_jobs_change_nothing(world: WorkerWorld, upstream: OpenAIUpstream) -> None:
    with await world.worker():
        generation = await world.job("hello", old=True)
        await world.send(generation)
        await eventually(world.finished(generation), 20)
        await world.outcome(generation)
        await eventually(lambda: world.uncommitted() == 0, 10)
        before = len(world.chunks(generation))
        await world.send(generation)
        await eventually(lambda: world.uncommitted() == 0, 20)
        assert len(world.chunks(generation)) == before
        assert len(upstream.requests) == 1


async def test_poison_is_parked_and_the_partition_moves_on(world: WorkerWorld) -> None:
    properties = world.settings.kafka.client_properties()
    before = watermarks(properties, DEAD_LETTERS, 0)[1]
    poisoned: list[int] = []
    poison = b"\x00\x00\x00\xff\xffnonsense"
    world.producer.fire(world.topic, "key", poison, lambda _, offset: poisoned.append(offset))
    await eventually(lambda: bool(poisoned))
    with await world.worker():
        generation = await world.job("hello")
        await eventually(world.finished(generation), 20)
        await world.outcome(generation)
        await eventually(lambda: world.uncommitted() == 0, 10)
    letters = [
        decode(message.value() or b"")
        for message in scan(properties, DEAD_LETTERS, 0, before, watermarks(properties, DEAD_LETTERS, 0)[1])
    ]
    mine = [letter for letter in letters if isinstance(letter, DeadLetter) and letter.topic == world.topic]
    assert [(letter.offset, letter.key) for letter in mine] == [(poisoned[0], b"key")]
    assert mine[0].value == poison


async def test_one_users_backlog_does_not_hold_up_another(world: WorkerWorld, upstream: OpenAIUpstream) -> None:
    with await world.worker(VERBATIM_WORKER__SLOTS="2"):
        stuck = [await world.job("STALL abcdef", patience_ms=60_000) for _ in range(6)]
        # Which of them comes first is up to the partitions.
        await eventually(lambda: "abc" in [world.fold(generation).text for generation in stuck], 20)
        assert upstream.running == 1  # the user's limit leaves a slot free
        other = await world.job("quick", user="other")
        await eventually(world.finished(other), 20)
        assert len([generation for generation in stuck if world.chunks(generation)]) == 1


@pytest.mark.slow("workers join and leave a Kafka group")
async def test_more_workers_take_over_some_jobs_and_spoil_none(world: WorkerWorld) -> None:
    expected = ", ".join(map(str, range(1, 201)))
    with contextlib.ExitStack() as workers:

        async def join(number: int) -> None:
            workers.enter_context(await world.worker(f"worker-{number}"))

        await join(0)
        generations = [await world.job("count to 200", "local", user=f"user-{n}") for n in range(8)]
        await eventually(lambda: world.fold(generations[-1]).last_seq > 5, 20)
        # Four workers share four partitions. However long they take to join, eight jobs run until they have: at least
        # one partition with running jobs moves.
        async with asyncio.TaskGroup() as group:
            joining = [group.create_task(join(number)) for number in (1, 2, 3)]

            def joined() -> bool:
                return all(task.done() for task in joining)

            while not joined():
                earliest = world.finished(generations[-8])
                await eventually(lambda: joined() or earliest(), 60)  # noqa: B023 - called before the next turn
                generations.append(await world.job("count to 200", "local", user=f"user-{len(generations)}"))
        for generation in generations:
            await eventually(world.finished(generation), 60)
            await world.outcome(generation)
        await eventually(lambda: world.uncommitted() == 0, 20)
    assert {world.fold(generation).text for generation in generations} == {expected}
    handed_over = [
        record
        for generation in generations
        for record in world.chunks(generation)
        if isinstance(record, AttemptEnded) and record.finish_reason == "handed_over"
    ]
    assert handed_over
    assert max(world.fold(generation).number for generation in generations) >= 2
