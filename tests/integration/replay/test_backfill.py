"""A wrong price put right, on real servers: run, difference, promotion, killed in between, and nothing is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from infra.clock import utc_now
from infra.crash_points import EXIT_STATUS
from infra.ids import draw_attempt_id
from infra.settings import Settings
from projections import Projections
from projections.usage.queries import UsageRow
from schemas import ids
from schemas.codec import encode
from schemas.envelope import Position
from schemas.outcome import Outcome
from schemas.price import Price, Usage
from schemas.usage import UsageRecorded, UsageRerated
from streams.metering.reactor import usage_record
from tests.eventually import eventually
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_records import AT, DAY_US, outcome, prompt, turn_of
from tests.integration.log_reading import read_all
from tests.integration.replay.commands import Replay, agent_process
from topics.admin import create_topics
from topics.catalogue import GENERATION_OUTCOMES, USAGE_RECORDS, catalogue
from topics.producer import LogProducer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

TOPICS = catalogue()
WRONG = Price("typo", "EUR", 100_000_000, 100_000_000, 200_000_000)
RIGHT = Price("right", "EUR", 100_000, 100_000, 200_000)


@dataclass
class Ground:
    settings: Settings
    replay: Replay
    reads: Projections
    producer: LogProducer
    folder: Path
    model: str
    outcomes: list[Outcome]

    @property
    def users(self) -> set[str]:
        return {one.turn.user_id for one in self.outcomes}

    async def ended(self, user: str, n: int, *, billed: bool = True) -> Outcome:
        """A generation of this test's own model, ended and billed."""
        conversation = ids.conversation_id(user, f"{n}")
        turn = replace(turn_of(prompt(conversation, f"{n}", user), Position(0, 0, n)), model=self.model, price=WRONG)
        usage = Usage(1000 + n, 10 * n, n)
        at_us = AT + n * 20 * DAY_US
        one = replace(outcome(turn, at_us=at_us), usage=usage, cost_micros=WRONG.cost_micros(usage))
        place = await self.producer.send(GENERATION_OUTCOMES, conversation, one)
        if billed:
            await self.producer.send(USAGE_RECORDS, user, usage_record(one, place))
        return one

    async def ledger(self) -> list[UsageRow]:
        return [row for user in self.users for row in await self.reads.usage(user, AT, AT + 200 * DAY_US)]

    def in_log(self) -> list[UsageRecorded | UsageRerated]:
        return read_all(
            self.settings, USAGE_RECORDS, TOPICS[USAGE_RECORDS].partitions, lambda one: one.model == self.model
        )

    def prices(self, price: Price, name: str = "prices.toml", model: str | None = None) -> str:
        figures = price.input_micros_per_million / 1e6, price.output_micros_per_million / 1e6
        file = self.folder / name
        file.write_text(
            f'[[model]]\nid = "{model or self.model}"\nprice = {{ version = "{price.version}", currency = "EUR",'
            f" input = {figures[0]}, output = {figures[1]} }}\n"
        )
        return str(file)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    create_topics(servers.kafka.client_properties(), TOPICS)
    async with own_keyspace(servers) as (settings, _):
        reads = await Projections.connect(settings.cassandra)
        producer = LogProducer(settings.kafka.client_properties(), TOPICS)
        await producer.start()
        folder = tmp_path_factory.mktemp("backfill")
        made = Ground(settings, Replay(settings), reads, producer, folder, f"model-{draw_attempt_id()}", [])
        for user in (f"user-{draw_attempt_id()}", f"user-{draw_attempt_id()}"):
            made.outcomes += [await made.ended(user, n) for n in range(6)]
        try:
            yield made
        finally:
            await producer.aclose()
            await reads.aclose()


@pytest.mark.slow("two commands die at crash points, and a projector follows")
async def test_a_wrong_price_is_put_right_and_nothing_is_deleted(ground: Ground) -> None:
    name = f"fix-{draw_attempt_id()}"
    run = ("backfill", "run", "reprice", "--prices", ground.prices(RIGHT), "--name", name)
    due = {one.turn.generation_id: RIGHT.cost_micros(one.usage) for one in ground.outcomes}
    wrong = {one.turn.generation_id: one.cost_micros for one in ground.outcomes}

    with agent_process(ground.settings, "infra.processes.projector", ground.folder / "projector.log"):
        ground.replay.process(*run, status=EXIT_STATUS, VERBATIM_CRASHPOINT="backfill.before_log")
        assert "covers 0 of" in ground.replay("backfill", "diff", name, status=1)
        assert "covers 0 of" in ground.replay("backfill", "promote", name, "--yes", status=1)
        assert f"{name}: " in ground.replay(*run)
        assert "complete already" in ground.replay(*run)
        assert "other prices" in ground.replay(
            *run[:3], "--prices", ground.prices(replace(RIGHT, version="x"), "x.toml"), "--name", name, status=1
        )

        document = ground.replay.json("backfill", "diff", name)
        (total,) = document["total"]
        assert (total["generations"], total["old_micros"]) == (len(due), sum(wrong.values()))
        assert (total["new_micros"], total["difference_micros"]) == (
            sum(due.values()),
            sum(due.values()) - sum(wrong.values()),
        )
        assert {one["key"] for one in document["by_user"]} == ground.users
        assert len(document["by_month"]) > 1 and document["not_billed_yet"] == 0
        assert document["largest"][0]["old_micros"] == max(wrong.values())
        assert "total" in ground.replay("backfill", "diff", name, "--top", "1")

        promote = ("backfill", "promote", name, "--yes")
        ground.replay.process(*promote, status=EXIT_STATUS, VERBATIM_CRASHPOINT="backfill.before_promoted")
        assert "half promoted" not in ground.replay("backfill", "list")
        assert f"{name} is promoted" in ground.replay(*promote)

        async def shown() -> bool:
            return {row.generation_id: row.cost_micros for row in await ground.ledger()} == due

        is_shown: bool = await eventually(shown, 60)
        assert is_shown
        rows = await ground.ledger()
        assert {row.generation_id: row.recorded_cost_micros for row in rows} == wrong
        assert {(row.price_version, row.recorded_price_version, row.rerated_by) for row in rows} == {
            ("right", "typo", name)
        }

    before = [encode(one) for one in ground.in_log()]
    assert "promoted already" in ground.replay("backfill", "promote", name, "--yes")
    assert [encode(one) for one in ground.in_log()] == before
    recorded = [one for one in ground.in_log() if isinstance(one, UsageRecorded)]
    assert {one.generation_id: one.cost_micros for one in recorded} == wrong
    assert "is promoted" in ground.replay("backfill", "drop", name, status=1)
    states = {row["name"]: row["state"] for row in ground.replay.json("backfill", "list")}
    assert states[name] == "promoted"
    (after,) = ground.replay.json("backfill", "diff", name)["total"]
    assert (after["old_micros"], after["difference_micros"]) == (sum(due.values()), 0)


@pytest.mark.slow("eight commands one after another")
async def test_a_promotion_that_another_overtook_asks_to_look_again(ground: Ground) -> None:
    first, second = (f"{word}-{draw_attempt_id()}" for word in ("a", "b"))
    for name, version in ((first, "v3"), (second, "v4")):
        prices = ground.prices(replace(RIGHT, version=version), f"{version}.toml")
        ground.replay("backfill", "run", "reprice", "--prices", prices, "--name", name)
    ground.replay("backfill", "diff", first)
    ground.replay("backfill", "promote", second, "--yes")
    refused = ground.replay("backfill", "promote", first, "--yes", status=1)
    assert second in refused and f"run `backfill diff {first}` again" in refused
    assert ground.replay.json("backfill", "diff", first)["overtaken_by"] == [second]
    assert "is promoted: " in ground.replay("backfill", "promote", first, "--yes")


async def test_mistakes_are_one_line_and_change_nothing(ground: Ground) -> None:
    replay, name = ground.replay, "never"
    run = ("backfill", "run", "reprice", "--name", name)
    prices = ("--prices", ground.prices(RIGHT))
    future = (utc_now() + timedelta(days=2)).isoformat()
    bad = ground.folder / "bad.toml"
    bad.write_text("[[model]]\nid = 'm'\nprice = { version = '1', input = 'x', output = 1 }\n")
    assert "bad.toml:3:" in replay(*run, "--prices", str(bad), status=1)
    assert "is in the future" in replay(*run, *prices, "--to", future, status=1)
    assert "there is nothing to do" in replay(*run, *prices, "--from", "now", status=1)
    assert "beyond the end" in replay(*run, *prices, "--to", f"{GENERATION_OUTCOMES}:0=999999999", status=1)
    same = ground.prices(replace(RIGHT, version=WRONG.version), "same.toml")
    assert "a version of its own" in replay(*run, "--prices", same, status=1)
    other = ground.prices(RIGHT, "other.toml", "a model of nobody")
    assert "--strict leaves nothing out" in replay(*run, "--prices", other, "--strict", status=1)
    assert "unknown processor 'rename'" in replay("backfill", "run", "rename", status=1)
    assert "no backfill 'never'" in replay("backfill", "diff", name, status=1)
    assert "say --yes" in replay("backfill", "promote", name, status=1)
    assert name not in {row["name"] for row in replay.json("backfill", "list")}
    assert "has no new price" in replay(*run, "--prices", other)
    assert "never was dropped" in replay("backfill", "drop", name)
    assert "no backfill 'never'" in replay("backfill", "drop", name, status=1)
