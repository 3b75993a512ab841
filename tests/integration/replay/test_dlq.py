"""Dead letters on real servers: garbage stays poison, what can be read today goes to its own consumer after all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from infra.clock import now_us
from infra.ids import draw_attempt_id
from infra.settings import Settings
from projections import Projections
from schemas import ids
from schemas.codec import encode
from schemas.conversation import ChatMessage
from schemas.envelope import Position
from schemas.generation import GenerationRequested
from tests.eventually import eventually
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_records import outcome, prompt, started, turn_of
from tests.golden.samples import samples
from tests.integration.log_reading import read_all
from tests.integration.replay.commands import Replay, agent_process
from topics.admin import create_topics
from topics.catalogue import (
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    USAGE_RECORDS,
    catalogue,
    jobs_topic,
)
from topics.dead_letters import dead_letter_of
from topics.errors import LogUnavailable
from topics.producer import LogProducer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

# A pool of this test's own, so that no other test's workers take its jobs.
POOL = f"dlq-{draw_attempt_id()}"
TOPICS = catalogue(("default", POOL))
JOBS = jobs_topic(POOL, "interactive")
MODELS = f"""\
[[model]]
id = "{POOL}"
engine = "openai"
address = "http://127.0.0.1:9/v1"
context_tokens = 4096
pool = "{POOL}"
price = {{ input = 1, output = 2 }}
"""


@dataclass
class Ground:
    settings: Settings
    replay: Replay
    reads: Projections
    producer: LogProducer

    async def garbage(self, topic: str, key: str) -> Position:
        """Bytes that are no record, appended; where they stand."""
        return await self.raw(topic, key, b"\0nonsense of somebody")

    async def raw(self, topic: str, key: str, value: bytes) -> Position:
        """Bytes as they are, appended; where they stand."""
        place: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(error: Any, offset: int) -> None:
            if error is None:
                place.set_result(offset)
            else:
                place.set_exception(LogUnavailable(str(error)))

        self.producer.fire(topic, key, value, done)
        return Position(0, TOPICS.partition(topic, key), await place)

    async def letter(self, consumer: str, topic: str, key: str, value: bytes, at: Position) -> str:
        """The letter of a record that could not be read when it came; its id."""
        letter = dead_letter_of(
            topic,
            at.partition,
            at.offset,
            key.encode(),
            value,
            [],
            consumer=consumer,
            error=ValueError("no schema is known by this id"),
            at_us=1_763_700_000_000_000,
        )
        place = await self.producer.send(DEAD_LETTERS, key, letter)
        return f"{place.partition}:{place.offset}"

    def listed(self, topic: str, at: Position, *arguments: str) -> list[dict[str, Any]]:
        rows = self.replay.json("dlq", "list", "--topic", topic, *arguments)
        return [row for row in rows if (row["partition"], row["offset"]) == (at.partition, at.offset)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(servers: Settings) -> AsyncIterator[Ground]:
    create_topics(servers.kafka.client_properties(), TOPICS)
    async with own_keyspace(servers) as (settings, _):
        reads = await Projections.connect(settings.cassandra)
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        try:
            yield Ground(settings, Replay(settings), reads, producer)
        finally:
            await producer.aclose()
            await reads.aclose()


@pytest.mark.slow("a consumer starts, parks and stops")
async def test_garbage_stays_poison_until_it_is_dropped(ground: Ground, tmp_path: Path) -> None:
    key = ids.conversation_id(draw_attempt_id(), "1")
    with agent_process(ground.settings, "infra.processes.projector", tmp_path / "projector.log"):
        at = await ground.garbage(CONVERSATION_EVENTS, key)
        row: dict[str, Any] = await eventually(lambda: ground.listed(CONVERSATION_EVENTS, at)[0], 60)
    replay, letter = ground.replay, row["id"]
    assert (row["consumer"], row["error_type"], row["state"]) == ("streams.projections", "UndecodableRecord", "open")
    shown = replay.json("dlq", "show", letter)
    assert (shown["key"], shown["readable_now"], shown["value_bytes"]) == (key, False, 21)
    assert "nonsense" not in replay("dlq", "show", letter)
    assert "still poison" in replay.process("dlq", "retry", letter, status=1)
    assert ground.listed(CONVERSATION_EVENTS, at) == [row]
    assert "is dropped" in replay.process("dlq", "drop", letter, "--reason", "nobody misses it")
    assert ground.listed(CONVERSATION_EVENTS, at) == []
    (dropped,) = ground.listed(CONVERSATION_EVENTS, at, "--all")
    assert (dropped["state"], dropped["note"]) == ("dropped", "nobody misses it")
    for command in (("retry", letter), ("drop", letter, "--reason", "again")):
        assert "was dropped already; nothing was changed" in replay("dlq", *command, status=1)


@pytest.mark.slow("a consumer starts and catches up")
async def test_a_record_that_can_be_read_today_is_shown_at_its_own_place(ground: Ground) -> None:
    user = f"user-{draw_attempt_id()}"
    conversation = ids.conversation_id(user, "1")
    record = started(conversation, user, title="A secret title")
    at, value = await ground.producer.send(CONVERSATION_EVENTS, conversation, record), encode(record)
    assert await ground.reads.conversation(conversation) is None
    letter = await ground.letter("streams.projections", CONVERSATION_EVENTS, conversation, value, at)
    assert "A secret title" not in ground.replay("dlq", "show", letter)
    assert "A secret title" in ground.replay("dlq", "show", letter, "--content")
    assert "was handled" in ground.replay.process("dlq", "retry", letter)
    row = await ground.reads.conversation(conversation)
    assert row is not None and row.title == "A secret title"
    assert ground.listed(CONVERSATION_EVENTS, at) == []
    # Parked once more, it is open once more, and doing it twice changes nothing.
    again = await ground.letter("streams.projections", CONVERSATION_EVENTS, conversation, value, at)
    assert [one["id"] for one in ground.listed(CONVERSATION_EVENTS, at)] == [again]
    assert "was handled" in ground.replay.process("dlq", "retry", again)
    assert await ground.reads.conversation(conversation) == row


@pytest.mark.slow("consumers start one after another")
async def test_every_consumer_gets_its_own_and_who_cannot_says_why(ground: Ground, tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    retry = partial(ground.replay.process, "dlq", "retry", "--models", str(models))
    user = f"user-{draw_attempt_id()}"
    conversation = ids.conversation_id(user, "1")
    ended = outcome(turn_of(prompt(conversation, "a", user), Position(0, 0, 0)))
    at = await ground.producer.send(GENERATION_OUTCOMES, conversation, ended)
    bill = await ground.letter("streams.metering", GENERATION_OUTCOMES, conversation, encode(ended), at)
    job: GenerationRequested = samples(GenerationRequested)["full"]
    work = await ground.letter("worker", JOBS, conversation, encode(job), Position(0, 0, 0))
    asked = prompt(
        conversation,
        "b",
        user,
        now_us(),
        kind="stateless",
        messages=(ChatMessage("user", "What is an event log?"),),
        deadline_at_us=now_us() + 600_000_000,
        model=POOL,
    )
    cause = await ground.producer.send(CONVERSATION_EVENTS, conversation, asked)
    ask = await ground.letter("streams.conversation", CONVERSATION_EVENTS, conversation, encode(asked), cause)
    elsewhere = await ground.producer.send(CONVERSATION_EVENTS, conversation, asked)
    strange = await ground.letter("streams.conversation", CONVERSATION_EVENTS, conversation, encode(asked), elsewhere)
    watch = await ground.letter("streams.watchdog", GENERATION_OUTCOMES, conversation, encode(ended), at)
    chunk = await ground.letter("streams.recorder", "token-chunks", conversation, b"", at)
    stranger = await ground.letter("somebody.else", "control", conversation, b"", at)

    said = retry(bill) + retry(work)
    assert f"{bill} streams.metering" in said and "to the workers again" in said
    assert "PromptSubmitted was handled" in retry(ask)
    assert "by --models" in ground.replay.process("dlq", "retry", strange, status=1)
    assert "GenerationCompleted was handled" in retry(watch)
    (used,) = read_all(
        ground.settings, USAGE_RECORDS, TOPICS[USAGE_RECORDS].partitions, lambda one: one.user_id == user
    )
    assert (used.outcome, used.cost_micros) == (at, ended.cost_micros)
    (begun,) = read_all(
        ground.settings,
        JOBS,
        TOPICS[JOBS].partitions,
        lambda one: one.turn.generation_id == asked.generation_id,
    )
    assert begun.turn.cause == cause and begun.maybe_repeat
    jobs = read_all(ground.settings, JOBS, TOPICS[JOBS].partitions, lambda one: one.turn == job.turn)
    assert jobs and all(one.maybe_repeat for one in jobs)
    assert "watchdog has ended it" in retry(chunk, status=1)
    assert "no consumer of this release" in retry(stranger, status=1)
    nobody = ("dlq", "retry", "--all", "--consumer", "nobody")
    assert "no open dead letters of nobody" in ground.replay(*nobody)


async def test_mistakes_are_one_line(ground: Ground) -> None:
    for unknown in ("9:9", "0:99999999", "x", "0:-1"):
        assert f"there is no dead letter '{unknown}'" in ground.replay("dlq", "show", unknown, status=1)
    assert "or give --all" in ground.replay("dlq", "retry", status=1)
    assert "--reason is empty" in ground.replay("dlq", "drop", "0:0", "--reason", " ", status=1)
