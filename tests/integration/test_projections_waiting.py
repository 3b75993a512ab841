"""Reading one's own writes, versions and their pointer, and the tables' making."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.cassandra.errors import StoreRefused, StoreUnavailable
from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from projections import Projections, SchemaMismatch, migrate
from projections.registry import PROJECTIONS
from projections.schema import existing
from projections.versions import POINTERS, VERSIONS, read_pointers, read_versions, written_now
from schemas.conversation import ConversationDeleted
from tests.eventually import eventually
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.older_tables import make_older
from tests.fakes.projection_records import envelope, outcome, prompt, turn_of
from tests.integration.projected import Projected, projected_in
from topics.catalogue import CONVERSATION_EVENTS
from topics.cuts import TopicPartition

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(servers: Settings) -> AsyncIterator[Projected]:
    async with projected_in(servers) as projected:
        yield projected


async def test_a_reader_waits_for_the_watermark_or_the_conversations_own_row(log: Projected) -> None:
    asked = prompt("waited", "a")
    position = log.said(asked)
    offsets: dict[TopicPartition, int] = {(CONVERSATION_EVENTS, position.partition): position.offset}
    assert not await log.reads.wait_for(offsets, (), 0.05)
    assert not await log.reads.wait_for(offsets, (), 0.05, conversation_id="waited")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(log.reads.wait_for(offsets, (), 10, conversation_id="waited"))
        await log.show(watermarks=False)
    assert waiting.result()
    assert not await log.reads.wait_for(offsets, (), 0.05)
    log.shown = 0
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(log.reads.wait_for(offsets, (), 10))
        await log.show()
    assert waiting.result()
    assert (await log.reads.watermarks("conversation_lists"))[next(iter(offsets))] == position.offset + 1


async def test_a_reader_waits_for_an_outcome_or_the_end_of_its_conversation(log: Projected) -> None:
    asked = prompt("finished", "a")
    cause = log.said(asked)
    assert not await log.reads.wait_for({}, [asked.generation_id], 0.05)
    log.ended(outcome(turn_of(asked, cause)))
    await log.show()
    assert await log.reads.wait_for({}, [asked.generation_id], 5)
    gone = prompt("gone", "a")
    log.said(gone)
    deleted = log.said(ConversationDeleted(envelope("d"), "gone", "ada"))
    await log.show()
    assert await log.reads.wait_for({}, [gone.generation_id], 5)
    offsets: dict[TopicPartition, int] = {(CONVERSATION_EVENTS, deleted.partition): deleted.offset}
    assert await log.reads.wait_for(offsets, (), 5, conversation_id="gone")


async def test_a_topic_that_nobody_projects_is_never_reached(log: Projected) -> None:
    assert not await log.reads.wait_for({("token-chunks", 0): 0}, (), 0.05)


async def test_readers_follow_the_pointer_within_a_second(log: Projected) -> None:
    keyspace = log.settings.cassandra.keyspace
    log.said(prompt("pointed", "a"))
    await log.show()
    assert await log.reads.conversation("pointed") is not None
    await log.session.run(
        f"CREATE TABLE {keyspace}.conversations_v2 (conversation_id text PRIMARY KEY, user_id text,"
        " created_at_us bigint, first_title text, system_prompt text, first_excerpt text, title text, model text,"
        " preview text, last_at_us bigint, changed bigint, deleted boolean, made_title text,"
        " first_metadata text, metadata text, temporary boolean)"
    )
    move = await log.session.prepare(
        f"UPDATE {keyspace}.projection_pointers SET version = ? WHERE projection = 'conversations' IF version = ?"  # noqa: S608 - our own names
    )
    await log.session.execute(move, (2, 1))

    await _until_shown(log, "pointed", False)
    # Another release's migration leaves the pointer where it is.
    await migrate(log.settings)
    await log.session.execute(move, (1, 2))

    await _until_shown(log, "pointed", True)


async def _until_shown(log: Projected, conversation_id: str, wanted: bool) -> None:
    async def check() -> bool:
        return (await log.reads.conversation(conversation_id) is not None) == wanted

    reached: bool = await eventually(check, 5)
    assert reached


async def test_migrating_again_and_side_by_side_changes_nothing(log: Projected) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(migrate(log.settings))


async def test_two_first_migrations_at_once_agree(servers: Settings) -> None:
    keyspace = "test_twice"
    settings = servers.model_copy(update={"cassandra": servers.cassandra.model_copy(update={"keyspace": keyspace})})
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(migrate(settings))
            group.create_task(migrate(settings))
        assert len(await existing(session, keyspace)) == len(PROJECTIONS)
    finally:
        await session.run(f"DROP KEYSPACE IF EXISTS {keyspace}")
        await session.aclose()


async def test_what_the_previous_release_left_is_taken_over(servers: Settings) -> None:
    async with own_keyspace(servers) as (settings, session):
        keyspace = settings.cassandra.keyspace
        # It knew pointers and tables of version 1, and no versions.
        await make_older(session, keyspace)
        await session.run(f"DROP TABLE {keyspace}.{VERSIONS.name}")
        with pytest.raises(StoreRefused, match="run the migration"):
            await existing(session, keyspace)
        await migrate(settings)
        assert await existing(session, keyspace) == await written_now(session, keyspace)
        found = {
            row.projection: (row.version, row.definition, row.state) for row in await read_versions(session, keyspace)
        }
        assert found == {projection.name: (1, 1, "ready") for projection in PROJECTIONS}
        # Killed between a version and its pointer.
        await session.run(f"TRUNCATE {keyspace}.{POINTERS.name}")
        await migrate(settings)
        assert await read_pointers(session, keyspace) == {projection.name: 1 for projection in PROJECTIONS}


async def test_a_table_that_differs_is_refused_and_left_alone(servers: Settings) -> None:
    keyspace = "test_differs"
    settings = servers.model_copy(update={"cassandra": servers.cassandra.model_copy(update={"keyspace": keyspace})})
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
    try:
        await session.run(
            f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication ="
            " {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
        )
        await session.run(
            f"CREATE TABLE {keyspace}.users_v1 (user_id text PRIMARY KEY, name blob, created_at_us bigint)"
        )
        with pytest.raises(SchemaMismatch, match=r"users_v1 differs in name\. Nothing was changed"):
            await migrate(settings)
        with pytest.raises(StoreRefused, match="run the migration"):
            await existing(session, "test_nothing_there")
        tables = await session.prepare("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?")
        assert await session.execute(tables, (keyspace,)) == [("users_v1",)]
    finally:
        await session.run(f"DROP KEYSPACE IF EXISTS {keyspace}")
        await session.aclose()


async def test_an_unmigrated_keyspace_and_an_absent_server_are_told_in_a_line(servers: Settings) -> None:
    nothing = servers.cassandra.model_copy(update={"keyspace": "test_nothing_there"})
    reads = await Projections.connect(nothing)
    try:
        with pytest.raises(StoreRefused):
            await reads.ping()
    finally:
        await reads.aclose()
    away = servers.cassandra.model_copy(update={"port": 1})
    with pytest.raises(StoreUnavailable, match=r"^no node of Cassandra answers \(127\.0\.0\.1 port 1\)"):
        await Projections.connect(away)


async def test_readers_that_leave_give_their_places_back(log: Projected) -> None:
    select = await log.session.prepare("SELECT key FROM system.local")
    for _ in range(300):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await log.session.execute(select)
    assert await log.session.execute(select) == [("local",)]
