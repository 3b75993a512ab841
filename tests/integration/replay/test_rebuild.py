"""Rebuild on real servers, by the real command, while a projector writes and readers read."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from infra.crash_points import EXIT_STATUS
from infra.runtime.signalling import send_signal
from infra.settings import Settings
from projections.registry import PROJECTIONS
from projections.versions import MEMORY_S, read_pointers, read_versions
from schemas.conversation import ConversationDeleted, ConversationRenamed, PromptSubmitted
from tests.eventually import eventually
from tests.fakes.projection_records import envelope
from tests.integration.replay.ground import Ground, ended, ground_in
from tests.integration.replay.live_projector import projecting
from topics.catalogue import CONVERSATION_EVENTS

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]
_BETWEEN_TURNS_S = 0.05
# As long as a reader may be behind the pointer, and what a machine under load adds.
_FOLLOWS_WITHIN_S = MEMORY_S + 2


@pytest_asyncio.fixture(loop_scope="module")
async def ground(servers: Settings, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_in(servers, tmp_path) as made:
        yield made


@pytest.mark.slow("everything is rebuilt twice")
async def test_all_is_rebuilt_under_load_and_goes_back_and_forward(ground: Ground) -> None:
    stop = asyncio.Event()
    spoken: list[PromptSubmitted] = []
    missing: list[str] = []
    home = ground.conversation("home")

    async def talk() -> None:
        for n in range(10_000):
            if stop.is_set():
                return
            parent = spoken[-1].generation_id if spoken else None
            spoken.append(await ground.chat(home, f"{n}", parent))
            other = ground.conversation(f"{n}")
            await ground.chat(other, "only")
            if n % 3 == 0:
                renamed = ConversationRenamed(envelope(f"r{n}"), other, f"user-{ground.keyspace}", f"name {n}")
                await ground.producer.send(CONVERSATION_EVENTS, other, renamed)
            if n % 5 == 0:
                gone = ConversationDeleted(envelope(f"d{n}"), other, f"user-{ground.keyspace}")
                await ground.producer.send(CONVERSATION_EVENTS, other, gone)
            await asyncio.sleep(_BETWEEN_TURNS_S)

    async def read() -> None:
        while not stop.is_set():
            if await ground.reads.conversation(home) is None:
                missing.append("conversation")
            if len((await ground.reads.messages(home, None, 4)).rows) < 2:
                missing.append("messages")
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        async with projecting(ground.settings, ground.session):
            talking = group.create_task(talk())
            await eventually(lambda: len(spoken) > 20, 30)
            await ground.settled(spoken[0])
            reading = group.create_task(read())
            # A process: it is to have a core of its own beside the load.
            done = await ended(await ground.start("rebuild", "--all"))
            assert done.status == 0, done.said
            assert "messages: version 2 is live; 1 is kept: ./verbatim replay rollback messages" in done.said
            before = len(spoken)
            await eventually(lambda: len(spoken) > before + 5, 30)
        # The projector is started anew in between.
        async with projecting(ground.settings, ground.session):
            before = len(spoken)
            await eventually(lambda: len(spoken) > before + 5, 30)
            assert await read_pointers(ground.session, ground.keyspace) == {p.name: 2 for p in PROJECTIONS}
            assert await _follows(ground, "messages", 2)
            back = await ground.replay("rollback", "messages")
            assert back.said == "messages: version 1 is live; forward again: ./verbatim replay use messages 2\n"
            assert await _follows(ground, "messages", 1)
            assert (await ground.replay("use", "messages", "2")).status == 0
            assert await _follows(ground, "messages", 2)
            stop.set()
            await talking
            await reading
            await ground.settled(spoken[-1])
            await ground.agree()
        assert not missing


async def _follows(ground: Ground, name: str, version: int) -> bool:
    """Whether readers use a version soon."""

    async def there() -> bool:
        return await ground.reads.tables.live(name) == version

    reached: bool = await eventually(there, _FOLLOWS_WITHIN_S)
    return reached


@pytest.mark.slow("a rebuild is killed and goes on, as processes")
async def test_a_killed_rebuild_and_a_killed_drop_go_on_and_end_the_same(ground: Ground) -> None:
    async with projecting(ground.settings, ground.session):
        for n in range(12):
            await ground.chat(ground.conversation(f"{n % 4}"), f"{n}")
        for point in ("rebuild.after_filling", "rebuild.mid_fill", "rebuild.after_pointer"):
            killed = await ground.killed_at(point, "rebuild", "messages")
            assert killed.status == EXIT_STATUS, (point, killed.said)
            last = await ground.chat(ground.conversation("between"), point)
        assert (await ground.replay("rebuild", "messages")).status == 0
        versions = [row for row in await read_versions(ground.session, ground.keyspace) if row.projection == "messages"]
        assert [(row.version, row.state) for row in versions] == [(1, "ready"), (2, "ready")]
        await ground.settled(last)
        await ground.agree("messages")
        assert (await ground.killed_at("rebuild.mid_drop", "drop", "messages", "1")).status == EXIT_STATUS
        assert (await ground.replay("drop", "messages", "1")).said == "messages: version 1 is gone\n"
        # The projector forgot it, and goes on.
        await ground.settled(await ground.chat(ground.conversation("after"), "drop"))
    await _refused(ground, "drop messages 2", "version 2 of messages is the live one")
    await _refused(ground, "rollback messages", "messages has no version before 2, the live one")


async def _refused(ground: Ground, command: str, why: str) -> None:
    refused = await ground.replay(*command.split())
    assert refused.status == 1
    assert refused.said.startswith(f"verbatim: {why}")
    assert refused.said.count("\n") == 1


@pytest.mark.slow("two rebuilds, as processes")
async def test_two_rebuilds_exclude_each_other_and_an_interrupted_one_goes_on(ground: Ground) -> None:
    for n in range(40):
        await ground.chat(ground.conversation(f"{n}"), "once")
    first = await ground.start("rebuild", "usage", "--max-rate", "10")

    async def filling() -> bool:
        rows = await read_versions(ground.session, ground.keyspace)
        return any((row.projection, row.state, row.cut is not None) == ("usage", "filling", True) for row in rows)

    begun: bool = await eventually(filling, 20)
    assert begun
    await _refused(ground, "rebuild usage", "usage is being rebuilt already: version 2, by ")
    await _refused(ground, "rebuild --all", "usage is being rebuilt already: version 2, by ")
    send_signal(first, signal.SIGINT)
    stopped = await ended(first)
    assert stopped.status == 130, stopped.said
    assert "interrupted; run the same command again to continue" in stopped.said
    done = await ground.replay("rebuild", "usage")
    assert done.status == 0, done.said
    assert (await ground.rows(2, "usage"))["usage"]
    listed = await ground.replay("versions")
    assert "usage" in listed.said
    assert listed.status == 0


async def test_a_store_that_is_away_is_one_line(ground: Ground) -> None:
    away = ground.settings.cassandra.model_copy(update={"port": 1})
    without = Ground(
        ground.settings.model_copy(update={"cassandra": away}),
        ground.session,
        ground.reads,
        ground.producer,
        ground.state,
    )
    await _refused(without, "rebuild usage", "no node of Cassandra answers (127.0.0.1 port 1)")
