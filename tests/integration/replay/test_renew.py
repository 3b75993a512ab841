"""What `up` does to an older release's tables: rebuilt beside those that are read, whatever happens on the way."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.cli.renew import renew
from infra.cli.replay.progress import Stop
from infra.settings import Settings
from infra.stack.job import REFUSED, TRY_AGAIN, Saying
from projections import OtherRelease, SchemaMismatch, migrate
from projections.registry import newest
from projections.replay.moves import Moves
from projections.replay.renewing import behind_now, clear_way
from projections.replay.rules import Refused
from projections.versions import LATE, VERSIONS, read_pointers, read_versions
from tests.fakes.older_tables import make_older
from tests.integration.replay.ground import REPO_ROOT, Ground, ground_in
from tests.integration.replay.live_projector import projecting
from topics.log import Log

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@asynccontextmanager
async def older(servers: Settings, folder: Path) -> AsyncIterator[Ground]:
    """An installation of the oldest definitions, with a conversation in it, and a projector of today at work."""
    async with ground_in(servers, folder) as ground:
        await make_older(ground.session, ground.keyspace)
        behind = await migrate(ground.settings)
        assert behind == ("messages", "conversations", "generations", "usage")
        async with projecting(ground.settings, ground.session):
            first = await ground.chat(ground.conversation("home"), "first")
            await ground.settled(first)
            yield ground


@pytest.mark.slow("tables are made anew in several steps")
async def test_tables_of_an_older_definition_are_read_and_then_made_anew(servers: Settings, tmp_path: Path) -> None:
    async with older(servers, tmp_path) as ground:
        conversation = ground.conversation("home")
        assert len((await ground.reads.messages(conversation)).rows) == 2
        saying = Saying(tmp_path / "said")
        log = await asyncio.to_thread(Log, ground.settings.kafka.client_properties())
        try:
            reading = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                reads = tasks.create_task(_reads(ground, conversation, reading))
                code = await renew(ground.settings, log, saying, Stop())
                reading.set()
            assert await reads > 0
        finally:
            await asyncio.to_thread(log.close)
        assert code == 0
        assert (tmp_path / "said").read_text() == "messages, conversations, generations, usage rebuilt\n"
        assert await migrate(ground.settings) == ()
        live = await read_pointers(ground.session, ground.keyspace)
        rebuilt = ("messages", "conversations", "generations", "usage", "feedback")
        assert [live[name] for name in rebuilt] == [2, 2, 2, 2, 1]
        # What is said now is in both, so that one can go back.
        second = await ground.chat(conversation, "second")
        await ground.settled(second)
        verified = await ground.replay("verify")
        assert verified.status == 0, verified.said
        assert (await ground.replay("rollback", "messages")).status == 0
        # And who went back is left there.
        assert await migrate(ground.settings) == ()
        verified = await ground.replay("verify", "messages")
        assert verified.status == 0, verified.said


async def _reads(ground: Ground, conversation: str, ended: asyncio.Event) -> int:
    count = 0
    while not ended.is_set():
        page = await ground.reads.messages(conversation)
        assert [row.status for row in page.rows] == ["completed", "completed"]
        assert page.rows[1].usage is not None
        count += 1
    return count


@pytest.mark.slow("a process is killed at several points")
async def test_as_a_process_it_may_be_killed_and_goes_on(servers: Settings, tmp_path: Path) -> None:
    async with older(servers, tmp_path) as ground:
        killed = await _process(ground, "rebuild.after_fill")
        assert killed not in (0, REFUSED, TRY_AGAIN)
        there = {
            (row.projection, row.version): row.state for row in await read_versions(ground.session, ground.keyspace)
        }
        assert there["messages", 2] == "filling"
        assert await _process(ground) == 0
        assert await behind_now(ground.session, ground.keyspace) == ()
        live = await read_pointers(ground.session, ground.keyspace)
        assert (live["messages"], live["generations"], live["usage"]) == (2, 2, 2)


async def _process(ground: Ground, crash_point: str = "") -> int:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")}
    environment = {**inherited, **ground.environment, "VERBATIM_CRASHPOINT": crash_point}
    command = (sys.executable, "-m", "infra.cli.renew")
    process = await asyncio.create_subprocess_exec(*command, cwd=REPO_ROOT, env=environment)
    return await process.wait()


@pytest.mark.slow("tables are made anew in several steps")
async def test_one_that_differs_from_the_log_stays_unused_and_the_others_go_on(
    servers: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with older(servers, tmp_path) as ground:
        log = await asyncio.to_thread(Log, ground.settings.kafka.client_properties())
        try:
            with monkeypatch.context() as patch:
                patch.setattr("infra.cli.renew.rebuild_with", _refusing("messages"))
                code = await renew(ground.settings, log, Saying(tmp_path / "said"), Stop())
        finally:
            await asyncio.to_thread(log.close)
        assert code == REFUSED
        assert (tmp_path / "said").read_text() == "messages: differs\n"
        assert await behind_now(ground.session, ground.keyspace) == ("messages",)
        assert len((await ground.reads.messages(ground.conversation("home"))).rows) == 2


def _refusing(refused: str) -> Any:
    from infra.cli.replay.rebuild_work import rebuild_with

    async def rebuild(*arguments: Any, **more: Any) -> Any:
        if refused in arguments[3]:
            raise Refused("differs")
        return await rebuild_with(*arguments, **more)

    return rebuild


@pytest.mark.slow("tables are made anew in several steps")
async def test_what_an_older_rebuild_left_is_cleared(servers: Settings, tmp_path: Path) -> None:
    async with ground_in(servers, tmp_path) as ground:
        await make_older(ground.session, ground.keyspace)
        moves = Moves(ground.session, ground.keyspace)
        await moves.add("usage", 2, 1, "an older run")
        await clear_way(ground.session, ground.keyspace, "usage")
        rows = {row.version: row for row in await moves.versions("usage")}
        assert rows[2].state == "dropped"
        # One that is read already was verified: it lacks nothing but the last word.
        await moves.add("usage", 3, 1, "an older run")
        assert await moves.point("usage", 1, 3)
        await clear_way(ground.session, ground.keyspace, "usage")
        rows = {row.version: row for row in await moves.versions("usage")}
        assert rows[3].state == "ready"


async def test_tables_of_a_newer_release_are_refused_and_left_alone(servers: Settings, tmp_path: Path) -> None:
    async with ground_in(servers, tmp_path) as ground:
        moves = Moves(ground.session, ground.keyspace)
        newer = newest("usage").definition + 1
        await moves.add("usage", 2, newer, "a newer release's")
        assert await migrate(ground.settings) == ()
        assert await moves.point("usage", 1, 2)
        before = await read_versions(ground.session, ground.keyspace)
        with pytest.raises(OtherRelease, match=f"newer than this release: version 2 of usage is of definition {newer}"):
            await migrate(ground.settings)
        assert await read_versions(ground.session, ground.keyspace) == before


async def test_shared_tables_grow_and_are_not_shrunk(servers: Settings, tmp_path: Path) -> None:
    async with ground_in(servers, tmp_path) as ground:
        table = f"{ground.keyspace}.{VERSIONS.name}"
        await ground.session.run(f"ALTER TABLE {table} DROP run")
        await ground.session.run(f"ALTER TABLE {table} ADD of_a_newer_release text")
        await migrate(ground.settings)
        assert {row.run for row in await read_versions(ground.session, ground.keyspace)} == {None}
        await ground.session.run(f"DROP TABLE {ground.keyspace}.watermarks")
        columns = "scope text, projection text, version int, topic text, partition int, next text"
        await ground.session.run(
            f"CREATE TABLE {ground.keyspace}.watermarks ({columns}, PRIMARY KEY (scope, projection, version, topic,"
            " partition))"
        )
        with pytest.raises(SchemaMismatch, match="watermarks differs in next"):
            await migrate(ground.settings)


@pytest.mark.slow("tables are made anew in several steps")
async def test_a_projection_that_is_new_gets_its_history_by_itself(servers: Settings, tmp_path: Path) -> None:
    async with ground_in(servers, tmp_path) as ground:
        await ground.session.run(f"DROP TABLE {ground.keyspace}.usage_v1")
        for table in ("projection_versions", "projection_pointers"):
            await ground.session.run(f"DELETE FROM {ground.keyspace}.{table} WHERE projection = 'usage'")  # noqa: S608 - our own names
        asked = await ground.chat(ground.conversation("home"), "first")
        assert await migrate(ground.settings) == ("usage",)
        async with projecting(ground.settings, ground.session):
            await ground.settled(asked)
            assert await _process(ground) == 0
            assert await behind_now(ground.session, ground.keyspace) == ()
            assert len(await ground.reads.usage(asked.user_id, 1_700_000_000_000_000, 2_000_000_000_000_000)) == 1
        rows = {
            row.version: row
            for row in await read_versions(ground.session, ground.keyspace)
            if row.projection == "usage"
        }
        assert (rows[1].run, rows[1].state, rows[2].state) == (LATE, "dropped", "ready")
