"""The projector's own process: from the real Kafka into the real Cassandra, killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from infra.ids import draw_secret
from infra.settings import Settings
from projections import Projections
from schemas import ids
from schemas.conversation import PromptSubmitted
from schemas.envelope import Position
from tests.eventually import eventually
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_logs import TOPICS
from tests.fakes.projection_records import outcome, prompt, turn_of, used
from topics.admin import create_topics
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS
from topics.producer import LogProducer

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

REPO_ROOT = Path(__file__).parents[2]
START_S = 60.0


@dataclass
class Ground:
    settings: Settings
    reads: Projections
    producer: LogProducer
    output: Path

    async def chat(self, user: str, conversation: str, key: str) -> PromptSubmitted:
        """One turn, from the prompt to its bill; returns when all is in the log."""
        asked = prompt(conversation, key, user)
        cause = await self.producer.send(CONVERSATION_EVENTS, conversation, asked)
        ended = outcome(turn_of(asked, cause))
        place = await self.producer.send(GENERATION_OUTCOMES, conversation, ended)
        await self.producer.send(USAGE_RECORDS, user, used(ended, place))
        return asked


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    create_topics(servers.kafka.client_properties(), TOPICS)
    async with own_keyspace(servers) as (settings, _):
        reads = await Projections.connect(settings.cassandra)
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        try:
            yield Ground(settings, reads, producer, tmp_path_factory.mktemp("projector") / "log")
        finally:
            await producer.aclose()
            await reads.aclose()


@contextmanager
def projector(ground: Ground) -> Iterator[subprocess.Popen[bytes]]:
    settings = ground.settings
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")},
        "VERBATIM_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "VERBATIM_KAFKA__PREFIX": settings.kafka.prefix,
        "VERBATIM_CASSANDRA__CONTACT_POINTS": f'["{settings.cassandra.contact_points[0]}"]',
        "VERBATIM_CASSANDRA__PORT": str(settings.cassandra.port),
        "VERBATIM_CASSANDRA__KEYSPACE": settings.cassandra.keyspace,
        "VERBATIM_INSTANCE": "test-0",
    }
    command = [sys.executable, "-m", "infra.processes.projector"]
    with ground.output.open("ab") as file:
        process = subprocess.Popen(command, cwd=REPO_ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


async def until_shown(ground: Ground, asked: PromptSubmitted) -> None:
    async def check() -> bool:
        answer = await ground.reads.message(asked.conversation_id, asked.generation_id)
        return answer is not None and answer.status == "completed"

    answered: bool = await eventually(check, START_S)
    assert answered


async def test_what_is_said_is_shown_also_after_a_kill_and_a_poison_record(ground: Ground) -> None:
    user = f"user-{draw_secret(6)}"
    with projector(ground) as process:
        first = await ground.chat(user, ids.conversation_id(user, "1"), "a")
        await until_shown(ground, first)
        process.kill()
        process.wait(10)
    conversation = ids.conversation_id(user, "2")
    # A record of which no row can be made, and one that is no record at all.
    impossible = outcome(turn_of(prompt(conversation, "x"), Position(-1, 0, 0)))
    await ground.producer.send(GENERATION_OUTCOMES, conversation, impossible)
    ground.producer.fire(CONVERSATION_EVENTS, conversation, b"\0nonsense")
    turns = [await ground.chat(user, conversation, f"{n}") for n in range(20)]
    with projector(ground) as process:
        for asked in turns:
            await until_shown(ground, asked)
        page = await ground.reads.conversations(user)
        assert {row.conversation_id for row in page.rows} == {first.conversation_id, conversation}
        last = await ground.producer.send(CONVERSATION_EVENTS, conversation, prompt(conversation, "last", user))
        assert await ground.reads.wait_for({(CONVERSATION_EVENTS, last.partition): last.offset}, (), 10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    said = ground.output.read_text()
    assert said.count("parked in dead-letters") == 2
    assert "event log" not in said
