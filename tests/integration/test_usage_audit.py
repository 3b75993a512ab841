"""The audit of the ledger on real servers: equal after kills, and whatever is planted is found."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from infra.cassandra.session import CassandraSession
from infra.crash_points import EXIT_STATUS
from infra.settings import Settings
from projections.usage_rollups.table import USAGE_SUMS
from schemas import ids
from schemas.envelope import Position
from schemas.outcome import Outcome
from schemas.price import Attribution
from tests.eventually import eventually
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_logs import TOPICS
from tests.fakes.projection_records import AT, computed, outcome, prompt, rerated, turn_of, used
from tests.in_process import run_beside
from tests.integration.prefixed import prefixed
from tests.integration.stream_workers import StreamProcess
from topics.admin import create_topics
from topics.catalogue import GENERATION_OUTCOMES, USAGE_RECORDS
from topics.producer import LogProducer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="module")]

HOUR_US = 3_600_000_000
ACME = Attribution(account="acme", organisation_id="acme", key_id="key-1", tier="plus")
ADA, BOB = ids.user_id("ada"), ids.user_id("bob")


@dataclass
class Ledger:
    """An installation of its own, with its metering and its projector."""

    settings: Settings
    session: CassandraSession
    producer: LogProducer
    folder: Path
    ended: int = 0

    async def end(self, count: int) -> list[tuple[Outcome, Position]]:
        """So many more generations end: of two users, one of them paid for by an organisation."""
        found = []
        for n in range(self.ended, self.ended + count):
            conversation = ids.conversation_id(ADA, f"{n % 5}")
            turn = turn_of(prompt(conversation, f"{n}", (ADA, BOB)[n % 2]), Position(0, 0, n))
            turn = replace(turn, attribution=ACME if n % 4 == 0 else None)
            said = outcome(turn, text=f"answer {n}", at_us=AT + n % 7 * HOUR_US)
            place = await self.producer.send(GENERATION_OUTCOMES, conversation, said)
            found.append((said, place))
            if n % 5 == 0:  # by a recorder that was killed
                await self.producer.send(GENERATION_OUTCOMES, conversation, said)
        self.ended += count
        return found

    @property
    def environment(self) -> dict[str, str]:
        cassandra = self.settings.cassandra
        return {
            "VERBATIM_KAFKA__BOOTSTRAP": self.settings.kafka.bootstrap,
            "VERBATIM_KAFKA__PREFIX": self.settings.kafka.prefix,
            "VERBATIM_CASSANDRA__CONTACT_POINTS": f'["{cassandra.contact_points[0]}"]',
            "VERBATIM_CASSANDRA__PORT": str(cassandra.port),
            "VERBATIM_CASSANDRA__KEYSPACE": cassandra.keyspace,
            "VERBATIM_STATE": str(self.folder),
        }

    def process(self, role: str, **environment: str) -> StreamProcess:
        env = {"VERBATIM_CASSANDRA__KEYSPACE": self.settings.cassandra.keyspace, "VERBATIM_INSTANCE": f"{role}-0"}
        module = f"infra.processes.{role}"
        return StreamProcess.agent(module, self.settings, self.folder, role, {**env, **environment})

    async def audit(self) -> tuple[int, dict[str, Any]]:
        done = await run_beside(["usage", "audit", "--json"], self.environment)
        assert done.status in (0, 1), done.text + done.err
        return done.status, json.loads(done.text)

    async def caught_up(self) -> dict[str, Any]:
        """What an audit finds that leaves nothing out. All before it are equal as far as metering and projector are."""
        audits: list[tuple[int, dict[str, Any]]] = []

        async def whole() -> bool:
            audits.append(await self.audit())
            _, told = audits[-1]
            return not told["behind"] and not any(one["behind"] for one in told["tables"].values())

        reached: bool = await eventually(whole, 60)
        assert reached
        for status, told in audits:
            assert status == 0, [told["wrong"], {name: one["differences"] for name, one in told["tables"].items()}]
        return audits[-1][1]


@asynccontextmanager
async def ledger_in(servers: Settings, folder: Path) -> AsyncIterator[Ledger]:
    installed = prefixed(servers, "audit")
    create_topics(installed.kafka.client_properties(), TOPICS)
    async with own_keyspace(installed) as (settings, session):
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        try:
            yield Ledger(settings, session, producer, folder)
        finally:
            await producer.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ledger]:
    async with ledger_in(servers, tmp_path_factory.mktemp("ledger")) as made:
        yield made


def sums(found: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(total["currency"], total["bills"]) for total in found["totals"]]


@pytest.mark.slow(
    "metering and projector are killed and started again, and the whole ledger is computed anew each time"
)
async def test_the_ledger_is_equal_after_kills_and_what_is_planted_is_found(ledger: Ledger) -> None:
    outcomes = await ledger.end(30)
    for planted in ("metering.after_usage:7", "metering.before_usage:3"):
        with ledger.process("metering", VERBATIM_CRASHPOINT=planted) as killed:
            assert killed.ended() == EXIT_STATUS
    with ledger.process("metering").ready() as metering:
        for point in ("before_sums", "before_bills", "after_write"):
            await ledger.end(10)
            with ledger.process("projector", VERBATIM_CRASHPOINT=f"projector.{point}") as killed:
                assert killed.ended() == EXIT_STATUS
        with ledger.process("projector").ready() as projector:
            for key in ("one", "two"):
                for at_us in (AT, AT + HOUR_US):
                    record = computed(ADA, key, at_us)
                    await ledger.producer.send(USAGE_RECORDS, record.user_id, record)
            moved_micros = 0
            for said, place in outcomes[:4]:
                again = rerated(said, place, "dearer")
                moved_micros += again.cost_micros - said.cost_micros
                await ledger.producer.send(USAGE_RECORDS, again.user_id, again)
            assert moved_micros
            found = await ledger.caught_up()
            assert sum(count for _, count in sums(found)) == ledger.ended + 2
            assert (found["outcomes"], found["reratings"], found["embeddings"]) == (ledger.ended * 6 // 5, 4, 4)
            assert sum(total["rated_micros"] - total["billed_micros"] for total in found["totals"]) == moved_micros
            projector.kill()
            metering.kill()
    await _planted(ledger, outcomes)


async def _planted(ledger: Ledger, outcomes: list[tuple[Outcome, Position]]) -> None:
    keyspace = ledger.settings.cassandra.keyspace
    # In the tables: one sum.
    key_columns = USAGE_SUMS.key
    select = f"SELECT {', '.join(key_columns)} FROM {keyspace}.usage_sums_v1 LIMIT 1"  # noqa: S608 - our own names
    (key,) = await ledger.session.execute(await ledger.session.prepare(select))
    where = " AND ".join(f"{column} = ?" for column in key_columns)
    wrong = await ledger.session.prepare(
        f"UPDATE {keyspace}.usage_sums_v1 SET billed_micros = 1 WHERE {where}"  # noqa: S608 - our own names
    )
    await ledger.session.execute(wrong, key)
    status, found = await ledger.audit()
    assert (status, found["equal"], found["wrong"]) == (1, False, [])
    differing = {name: one["different"] for name, one in found["tables"].items()}
    assert differing == {"usage": 0, "embeddings": 0, "usage_rollups": 1}
    assert found["tables"]["usage_rollups"]["differences"][0]["column"] == "billed_micros"
    # In the log: a bill of nothing.
    said, place = outcomes[0]
    alone = replace(used(said, replace(place, offset=0)), generation_id=ids.generation_id("nothing"))
    await ledger.producer.send(USAGE_RECORDS, alone.user_id, alone)
    status, found = await ledger.audit()
    assert status == 1
    assert [(one["bill_id"], one["what"]) for one in found["wrong"]] == [
        (alone.generation_id, "was billed, and no outcome says so")
    ]
