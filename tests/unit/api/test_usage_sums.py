"""Usage over HTTP: one's own, and for operators that of all; in pages and as CSV; what is wrong is said."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import httpx
import pytest

from infra.clock import now_us
from projections.usage_rollups.queries import TooManySums
from schemas import ids
from schemas.envelope import Position
from schemas.price import Attribution
from schemas.usage import UsageRecorded
from tests.fakes.projection_records import outcome, turn_of, used
from tests.unit.api.prompts import prompt
from tests.unit.api.turns import CONVERSATION
from tests.unit.api.world import World
from topics.catalogue import USAGE_RECORDS

DAY_US = 86_400_000_000
ADMIN = "/api/v1/admin/usage"
ALICE, BOB = ids.user_id("alice"), ids.user_id("bob")
ACME = Attribution(account="acme", organisation_id="acme", key_id="key-1", tier="plus")


def bill(world: World, key: str, user: str, days_ago: int = 0, **others: Any) -> UsageRecorded:
    ended = outcome(turn_of(prompt(CONVERSATION, key), Position(0, 0, 1)), at_us=now_us() - days_ago * DAY_US)
    record: UsageRecorded = replace(used(ended, Position(0, 0, 1)), user_id=user, **others)
    world.log.append(USAGE_RECORDS, record.user_id, record)
    return record


@pytest.fixture
def billed(world: World) -> World:
    for n in range(3):
        bill(world, f"a{n}", ALICE, n)
    bill(world, "a3", ALICE, attribution=ACME, model="large")
    bill(world, "b", BOB, currency="USD", model="=cmd")
    return world


async def told(client: httpx.AsyncClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        if answer.json()["nextCursor"] is None:
            return found
        parameters["cursor"] = answer.json()["nextCursor"]


@pytest.mark.usefixtures("billed")
async def test_ones_own_usage_is_told_by_what_is_asked_for(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    days = await told(alice, "/api/v1/usage")
    assert [row["requests"] for row in days] == [2, 1, 1]
    assert set(days[0]) == {
        "start", "currency", "requests", "embeddings", "estimated", "promptTokens", "completionTokens",
        "cachedTokens", "reasoningTokens", "unbilledTokens", "costMicros", "billedMicros",
    }  # fmt: skip
    assert [(row["model"], row["requests"]) for row in await told(alice, "/api/v1/usage", by="model")] == [
        ("large", 1),
        ("verbatim-local", 3),
    ]
    assert [(row["key"], row["requests"]) for row in await told(alice, "/api/v1/usage", by="key")] == [
        (None, 3),
        ("key-1", 1),
    ]
    assert [row["requests"] for row in await told(alice, "/api/v1/usage", by="key", key="key-1")] == [1]
    assert await told(alice, "/api/v1/usage", by="day,model", limit=1) == await told(
        alice, "/api/v1/usage", by="day,model"
    )
    assert [row["requests"] for row in await told(bob, "/api/v1/usage", by="month")] == [1]


@pytest.mark.usefixtures("billed")
async def test_operators_see_all_filtered_and_as_csv(world: World, alice: httpx.AsyncClient) -> None:
    assert (await alice.get(ADMIN)).status_code == 404
    async with world.client(world.add_key("admin", "c")) as admin:
        assert sum(row["requests"] for row in await told(admin, ADMIN)) == 5
        users = await told(admin, ADMIN, by="user")
        assert {row["user"]: row["requests"] for row in users if row["currency"] != "USD"} == {ALICE: 4}
        assert [row["user"] for row in await told(admin, ADMIN, by="user", organisation="acme")] == [ALICE]
        assert {row["organisation"] for row in await told(admin, ADMIN, by="organisation")} == {None, "acme"}
        for filters in ({"key": "key-1"}, {"tier": "plus"}, {"model": "large"}, {"organisation": "acme"}):
            assert [row["requests"] for row in await told(admin, ADMIN, **filters)] == [1], filters
        assert [row["requests"] for row in await told(admin, ADMIN, by="hour", user=ALICE, key="key-1")] == [1]
        answer = await admin.get(ADMIN, params={"format": "csv", "by": "month,model"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert {row["model"] for row in rows} == {"verbatim-local", "large", "'=cmd"}, "nothing is a formula"
        assert sum(int(row["requests"]) for row in rows) == 5
        assert set(rows[0]) >= {"start", "currency", "billed_micros", "rated_micros"}


@pytest.mark.parametrize(
    ("parameters", "param", "said"),
    [
        ({"by": "week"}, "by", "'week'"),
        ({"by": "hour,day"}, "by", "two periods"),
        ({"from": "yesterday"}, "from", "2026-11-30T08:00Z"),
        ({"from": "2026-11-01T08:30Z"}, "from", "full hour"),
        ({"to": "1969-12-31"}, "to", "from 1970 on"),
        ({"from": "2026-11-02", "to": "2026-11-02"}, "from", "before `to`"),
        ({"from": "1980-01-01", "to": "2026-11-02"}, "from", "at most 3660 days"),
        ({"from": "2026-09-01", "to": "2026-11-02", "by": "hour"}, "from", "at most 31 days"),
        ({"cursor": "none"}, "cursor", "does not come from this list"),
    ],
)
async def test_what_is_wrong_is_said(
    alice: httpx.AsyncClient, parameters: dict[str, str], param: str, said: str
) -> None:
    answer = await alice.get("/api/v1/usage", params=parameters)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert said in error["message"]


async def test_own_usage_is_not_told_by_user_and_everyone_not_by_hour(world: World, alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/api/v1/usage", params={"by": "user"})).status_code == 400
    async with world.client(world.add_key("admin", "c")) as admin:
        for parameters in (
            {"by": "hour,user"},
            {"by": "hour", "key": "key-1"},
            {"by": "user", "from": "2026-11-01T08"},
        ):
            answer = await admin.get(ADMIN, params=parameters)
            assert (answer.status_code, "whole days" in answer.text) == (400, True)


async def test_too_much_for_one_answer_is_said(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(*_: Any) -> None:
        raise TooManySums

    monkeypatch.setattr(world.reads, "usage_sums", too_many)
    error = (await alice.get("/api/v1/usage")).json()["error"]
    assert (error["code"], "shorter span" in error["message"]) == ("too_many_rows", True)
