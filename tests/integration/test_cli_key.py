"""`./verbatim key` on a real log and real projections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from confluent_kafka import Message

import projections
from infra.cassandra.session import CassandraSession
from infra.cli.first_key import ensure_first_key
from infra.cli.keys_accounts import sha256_of
from infra.ids import draw_attempt_id
from infra.settings import Settings
from infra.stack.addresses import settings_env
from projections import Projections
from projections.projector import Projector
from projections.registry import PROJECTIONS
from projections.watermarks import LogPlace
from projections.writer import RowWriter
from schemas.codec import decode
from tests.in_process import run_beside
from topics.admin import create_topics
from topics.catalogue import ACCOUNT_EVENTS, Catalogue, catalogue
from topics.tail import Tail

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def settings(servers: Settings) -> Settings:
    """The servers with a keyspace of this test's own."""
    keyspace = servers.cassandra.model_copy(update={"keyspace": f"cli_{draw_attempt_id()}"})
    own = servers.model_copy(update={"cassandra": keyspace})
    topics = Catalogue({ACCOUNT_EVENTS: catalogue()[ACCOUNT_EVENTS]})
    await asyncio.to_thread(create_topics, own.kafka.client_properties(), topics)
    await projections.migrate(own)
    return own


@asynccontextmanager
async def projected(settings: Settings) -> AsyncIterator[None]:
    """Account events reach the projections while the block runs."""
    session = await CassandraSession.connect(settings.cassandra)
    projector = Projector(RowWriter(session, settings.cassandra.keyspace), PROJECTIONS, catalogue())
    waiting: asyncio.Queue[Message] = asyncio.Queue()

    def arrived(batch: list[Message]) -> None:
        for message in batch:
            waiting.put_nowait(message)

    async def take() -> None:
        while True:
            message = await waiting.get()
            place = LogPlace(ACCOUNT_EVENTS, message.partition() or 0, message.offset() or 0)
            await projector.take(decode(message.value()), place, lambda: None)

    tail = Tail(settings.kafka.client_properties(), ACCOUNT_EVENTS, arrived)
    await tail.start([0])
    try:
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(take())
            tasks.create_task(projector.run())
            yield
            taking.cancel()
            projector.close()
    finally:
        await tail.aclose()
        await session.aclose()


async def key(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `./verbatim key`."""
    ended = await run_beside(["key", *arguments], settings_env(settings))
    return ended.status, ended.text, ended.err


async def test_a_key_is_made_listed_and_revoked(settings: Settings) -> None:
    user = f"user-{draw_attempt_id()}"
    async with projected(settings):
        code, secret, said = await key(settings, "create", "--user", user, "--label", "laptop")
        assert (code, said.count("\n")) == (0, 1)
        reads = await Projections.connect(settings.cassandra)
        try:
            row = await reads.api_key(sha256_of(secret.strip()))
            assert row is not None
            assert (row.label, row.hint) == ("laptop", secret.strip()[-4:])
            listed = json.loads((await key(settings, "list", "--json"))[1])
            assert [(found["user"], found["key_id"], found["revoked"]) for found in listed] == [
                (user, row.key_id, False)
            ]
            code, done, _ = await key(settings, "revoke", row.key_id)
            assert (code, done) == (0, f"key {row.key_id} of user {user} (ends in {row.hint}) revoked\n")
            assert await reads.api_key(row.key_sha256) is None
            assert "revoked" in (await key(settings, "list"))[1]
            assert (await key(settings, "revoke", row.key_id))[1].endswith("was revoked already\n")
            code, out, err = await key(settings, "revoke", "nobody")
            assert (code, out) == (1, "")
            assert err == "verbatim: no key has the id 'nobody': ./verbatim key list shows them\n"
        finally:
            await reads.aclose()


async def test_the_first_key_is_made_once_and_made_again_when_it_opens_nothing(settings: Settings) -> None:
    async with projected(settings):
        first = await ensure_first_key(settings, None)
        assert await ensure_first_key(settings, first) == first
        listed = json.loads((await key(settings, "list", "--json"))[1])
        assert [found["user"] for found in listed] == ["admin"]
        await key(settings, "revoke", str(listed[0]["key_id"]))
        second = await ensure_first_key(settings, first)
        assert second != first
        assert await ensure_first_key(settings, second) == second


async def test_servers_that_are_away_are_one_line(settings: Settings) -> None:
    away = settings.cassandra.model_copy(update={"port": 1})
    code, out, err = await key(settings.model_copy(update={"cassandra": away}), "list")
    assert (code, out) == (1, "")
    assert err.startswith("verbatim: the projections cannot be read: no node of Cassandra answers")
    assert len(err.splitlines()) == 1
