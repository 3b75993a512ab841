"""Two organisations at once: nothing that one writes is in any byte that the other, a visitor, the logs or /metrics
get."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import structlog

from api.log_view import live_log
from infra.ids import draw_id
from schemas import ids
from tests.unit.api.matrix.cast import GUILD, OTHER, Scene, by_key, by_session, scene
from tests.unit.api.matrix.rows import ANY, ANYBODYS, ENDLESS, MATRIX, PUBLIC, call, ids_of
from tests.unit.api.matrix.writing import MODEL, WROTE, acted
from tests.unit.api.memory_log import Attempt
from tests.unit.api.memory_reads import MemoryReads

WORD = "zebra"
"""Begins every canary: who searches for it finds their own alone."""
CLIENTS = ("httpx", "httpcore")
"""Log what these tests themselves ask for."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An administrator of an organisation: what stands in all that they write, and the ids of what that made."""

    client: httpx.AsyncClient
    canary: str
    names: dict[str, str]

    @property
    def own(self) -> set[str]:
        """What others are never told unasked."""
        return {self.canary, *self.names.values()} - {MODEL}


async def settled(at: Scene, client: httpx.AsyncClient, who: str, organisation_id: str, canary: str) -> Tenant:
    """Somebody who has written everywhere."""
    client.headers.update(await by_key(who, None, at))
    names = await ids_of(client, who, organisation_id, canary, canary)
    statuses = [answer.status_code for answer in await acted(client, canary)]
    assert statuses == WROTE
    await by_session(who, at)
    sessions = (await client.get("/api/v1/sessions")).json()["data"]
    return Tenant(client, canary, {**names, "session_id": sessions[0]["id"], "link_id": ANY})


@asynccontextmanager
async def two_tenants() -> AsyncIterator[tuple[Scene, Tenant, Tenant]]:
    """Both write and then read; their model says to each what they told it."""
    at, canaries = scene(), {who: f"{WORD}-{draw_id()[-12:]}" for who in ("gil", "oz")}
    told = {ids.user_id(who): canary for who, canary in canaries.items()}

    def echo(attempt: Attempt) -> None:
        attempt.start().chunk(told[attempt.turn.user_id])
        attempt.end()

    at[0].script = echo
    async with at[0].client(None) as gil, at[0].client(None) as oz:
        yield (
            at,
            await settled(at, gil, "gil", GUILD, canaries["gil"]),
            await settled(at, oz, "oz", OTHER, canaries["oz"]),
        )


async def read_own(reader: Tenant) -> str:
    """All that somebody gets who asks every route for what is theirs."""
    asked = [
        await call(reader.client, *route, reader.names)
        for route in sorted(MATRIX)
        if route[0] == "GET" and route not in ENDLESS
    ]
    asked.append(await reader.client.get("/api/v1/search", params={"q": WORD}))
    asked.append(await reader.client.get("/api/v1/admin/usage", params={"format": "csv"}))
    return "".join(answer.text + repr(answer.headers) for answer in asked)


async def pry(client: httpx.AsyncClient, names: dict[str, str]) -> str:
    """All that somebody gets who asks every route for what is another's."""
    asked = [await call(client, *route, names) for route in sorted(MATRIX)]
    for method, path in sorted(PUBLIC | ANYBODYS):
        if "metrics" not in path:
            asked.append(
                await client.request(method, re.sub(r"{.*?}", ANY, path), json=None if method == "GET" else {})
            )
    return "".join(answer.text + repr(answer.headers) for answer in asked)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_log, "START_S", 0.01)


@pytest.mark.parametrize("first_reads", [True, False])
async def test_no_byte_of_one_organisation_reaches_another_or_the_logs(
    first_reads: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    structlog.get_logger().info("the log is heard")
    async with two_tenants() as (at, one, other), at[0].client(None) as nobody:
        reader, victim = (one, other) if first_reads else (other, one)
        seen = await read_own(reader)
        assert reader.canary in seen
        assert {name for name in victim.own if name in seen} == set()
        assert victim.canary not in await pry(reader.client, victim.names)
        assert victim.canary not in await pry(nobody, victim.names)
        metrics = (await nobody.get("/metrics")).text
        logged = "".join(str(vars(record)) for record in caplog.records if not record.name.startswith(CLIENTS))
        printed = "".join(capsys.readouterr())
        assert "verbatim_api_requests_total" in metrics
        assert "the log is heard" in logged + printed
        assert WORD not in metrics
        assert WORD not in logged + printed


async def test_a_list_that_forgets_whose_it_asks_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    everybodys = MemoryReads.folders
    async with two_tenants() as (_, one, other):
        victim = other.names["user_id"]
        monkeypatch.setattr(MemoryReads, "folders", lambda self, user_id: everybodys(self, victim))
        assert other.canary in await read_own(one)
