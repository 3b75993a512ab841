"""A keyspace with its readers and the log beside it, and `./verbatim replay` upon them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from projections import Projections
from projections.registry import PROJECTIONS
from schemas import ids
from schemas.conversation import PromptSubmitted
from tests.eventually import eventually
from tests.fakes.cassandra_rows import dump, own_keyspace
from tests.fakes.projection_logs import TOPICS
from tests.fakes.projection_records import outcome, prompt, turn_of, used
from tests.fakes.row_store import Dump
from tests.in_process import run_beside
from topics.admin import create_topics
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS
from topics.producer import LogProducer

REPO_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    said: str


@dataclass
class Ground:
    settings: Settings
    session: CassandraSession
    reads: Projections
    producer: LogProducer
    state: Path

    @property
    def keyspace(self) -> str:
        return self.settings.cassandra.keyspace

    async def chat(self, conversation: str, key: str, parent: str | None = None) -> PromptSubmitted:
        """One turn, from the prompt to its bill; returns when all is in the log."""
        asked = prompt(conversation, key, f"user-{self.keyspace}", parent=parent)
        cause = await self.producer.send(CONVERSATION_EVENTS, conversation, asked)
        ended = outcome(turn_of(asked, cause), text=f"answer {key}")
        place = await self.producer.send(GENERATION_OUTCOMES, conversation, ended)
        await self.producer.send(USAGE_RECORDS, asked.user_id, used(ended, place))
        return asked

    def conversation(self, name: str) -> str:
        return ids.conversation_id(self.keyspace, name)

    @property
    def environment(self) -> dict[str, str]:
        """What `./verbatim` needs to find this ground."""
        cassandra = self.settings.cassandra
        return {
            "VERBATIM_KAFKA__BOOTSTRAP": self.settings.kafka.bootstrap,
            "VERBATIM_KAFKA__PREFIX": self.settings.kafka.prefix,
            "VERBATIM_CASSANDRA__CONTACT_POINTS": f'["{cassandra.contact_points[0]}"]',
            "VERBATIM_CASSANDRA__PORT": str(cassandra.port),
            "VERBATIM_CASSANDRA__KEYSPACE": cassandra.keyspace,
            "VERBATIM_STATE": str(self.state),
        }

    async def start(self, *arguments: str, crash_point: str = "") -> asyncio.subprocess.Process:
        """`./verbatim replay …` as a process."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.cli", "replay", *arguments),
            cwd=REPO_ROOT,
            env={**inherited, **self.environment, "VERBATIM_CRASHPOINT": crash_point},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def killed_at(self, crash_point: str, *arguments: str) -> Ended:
        """`./verbatim replay …` as a process that dies at a crash point."""
        return await ended(await self.start(*arguments, crash_point=crash_point))

    async def replay(self, *arguments: str) -> Ended:
        """`./verbatim replay …`, to its end, within the test."""
        done = await run_beside(["replay", *arguments], self.environment)
        return Ended(done.status, done.text + done.err)

    async def rows(self, version: int, name: str | None = None) -> Dump:
        """The rows of all projections' tables of a version (or of one's), by the tables' names without it."""
        projections = tuple(p.at(version) for p in PROJECTIONS if name in (None, p.name))
        found = await dump(self.session, self.keyspace, projections)
        return {table.removesuffix(f"_v{version}"): rows for table, rows in found.items()}

    async def settled(self, last: PromptSubmitted) -> None:
        """Returns when the projector has written what was said last."""

        async def answered() -> bool:
            message = await self.reads.message(last.conversation_id, last.generation_id)
            return message is not None and message.status == "completed"

        shown: bool = await eventually(answered, 20)
        assert shown

    async def agree(self, name: str | None = None) -> None:
        """Returns when versions 1 and 2 hold the same rows."""

        async def same() -> bool:
            one, other = await self.rows(1, name), await self.rows(2, name)
            return bool(one) and one == other

        agreed: bool = await eventually(same, 20)
        assert agreed


async def ended(process: asyncio.subprocess.Process) -> Ended:
    said, _ = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, said.decode())


@asynccontextmanager
async def ground_in(servers: Settings, folder: Path) -> AsyncIterator[Ground]:
    create_topics(servers.kafka.client_properties(), TOPICS)
    async with own_keyspace(servers) as (settings, session):
        reads = await Projections.connect(settings.cassandra)
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        try:
            yield Ground(settings, session, reads, producer, folder)
        finally:
            await producer.aclose()
            await reads.aclose()
