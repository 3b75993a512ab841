"""Rebuild on real servers, by the real command, while a projector writes and readers read."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

import projections.replay.fill as fill_module
import projections.replay.rebuild as rebuild_module
from infra.cassandra import CassandraSession
from infra.crash_points import EXIT_STATUS, POINTS
from infra.ids import draw_secret
from infra.settings import Settings
from projections import Projections
from projections.registry import PROJECTIONS, Projection
from projections.registry import TOPICS as PROJECTED
from projections.replay.lease import Lease
from projections.replay.moves import Moves
from projections.replay.rebuild import Rebuild, Rebuilt
from projections.replay.spooling import Report
from projections.versions import MEMORY_S, read_pointers, read_versions
from schemas import ids
from schemas.conversation import ConversationDeleted, ConversationRenamed, PromptSubmitted
from tests.eventually import eventually
from tests.fakes.cassandra_rows import dump, own_keyspace
from tests.fakes.projection_logs import TOPICS, envelope, outcome, prompt, turn_of, used
from tests.fakes.row_store import Dump
from tests.integration.replay.live_projector import NeverStop, projecting
from topics.admin import create_topics
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS
from topics.cuts import Cut
from topics.log import Log
from topics.producer import LogProducer

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

REPO_ROOT = Path(__file__).parents[3]
_BETWEEN_TURNS_S = 0.05
# As long as a reader may be behind the pointer, and what a machine under load adds.
_FOLLOWS_WITHIN_S = MEMORY_S + 2


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

    async def start(self, *arguments: str, crash_point: str = "") -> asyncio.subprocess.Process:
        cassandra = self.settings.cassandra
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")},
            "VERBATIM_KAFKA__BOOTSTRAP": self.settings.kafka.bootstrap,
            "VERBATIM_CASSANDRA__CONTACT_POINTS": f'["{cassandra.contact_points[0]}"]',
            "VERBATIM_CASSANDRA__PORT": str(cassandra.port),
            "VERBATIM_CASSANDRA__KEYSPACE": cassandra.keyspace,
            "VERBATIM_STATE": str(self.state),
            "VERBATIM_CRASHPOINT": crash_point,
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.cli", "replay", *arguments),
            cwd=REPO_ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def replay(self, *arguments: str, crash_point: str = "") -> Ended:
        """`./verbatim replay …`, to its end."""
        return await ended(await self.start(*arguments, crash_point=crash_point))

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


@pytest_asyncio.fixture(loop_scope="module")
async def ground(servers: Settings, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_in(servers, tmp_path) as made:
        yield made


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
            done = await ground.replay("rebuild", "--all")
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


async def test_a_killed_rebuild_and_a_killed_drop_go_on_and_end_the_same(ground: Ground) -> None:
    async with projecting(ground.settings, ground.session):
        for n in range(12):
            await ground.chat(ground.conversation(f"{n % 4}"), f"{n}")
        for point in ("rebuild.after_filling", "rebuild.mid_fill", "rebuild.after_pointer"):
            killed = await ground.replay("rebuild", "messages", crash_point=point)
            assert killed.status == EXIT_STATUS, (point, killed.said)
            last = await ground.chat(ground.conversation("between"), point)
        assert (await ground.replay("rebuild", "messages")).status == 0
        versions = [row for row in await read_versions(ground.session, ground.keyspace) if row.projection == "messages"]
        assert [(row.version, row.state) for row in versions] == [(1, "ready"), (2, "ready")]
        await ground.settled(last)
        await ground.agree("messages")
        assert (await ground.replay("drop", "messages", "1", crash_point="rebuild.mid_drop")).status == EXIT_STATUS
        assert (await ground.replay("drop", "messages", "1")).said == "messages: version 1 is gone\n"
        # The projector forgot it, and goes on.
        await ground.settled(await ground.chat(ground.conversation("after"), "drop"))
    await _refused(ground, "drop messages 2", "version 2 of messages is the live one")
    await _refused(ground, "rollback messages", "messages has no version before 2, the live one")


class Killed(BaseException):
    """Stands for kill -9: nothing is cleaned up."""


POINTS_OF_A_REBUILD = [point for point in POINTS if point.startswith("rebuild.") and "drop" not in point]
_DEAD = f"{os.uname().nodename} pid 99999999 since then"


async def test_at_every_step_a_rebuild_may_end_and_goes_on_there(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module, "SETTLED_S", 0.0)
    for n in range(12):
        await ground.chat(ground.conversation(f"{n % 4}"), f"{n}")
    planted = {""}

    def crash_point(name: str) -> None:
        if name in planted:
            raise Killed

    monkeypatch.setattr(rebuild_module, "crash_point", crash_point)
    monkeypatch.setattr(fill_module, "crash_point", crash_point)
    names = ("usage", "generations")
    for point in POINTS_OF_A_REBUILD:
        planted = {point}
        with pytest.raises((Killed, BaseExceptionGroup)):
            await _in_process(ground, names)
    planted = set()
    done = await _in_process(ground, names)
    live = await read_pointers(ground.session, ground.keyspace)
    assert {live[name] for name in names} <= {2, 3}
    rows = [row for row in await read_versions(ground.session, ground.keyspace) if row.projection in names]
    assert {row.state for row in rows} == {"ready"}
    assert {one.name for one in done} <= set(names)
    for name in names:
        found = await ground.rows(live[name], name)
        assert len(found[name]) >= 12


async def _in_process(ground: Ground, names: tuple[str, ...]) -> list[Rebuilt]:
    """A rebuild that is taken for one of a process that is gone, once it has ended."""

    async def nothing_to_verify(projection: Projection, cut: Cut) -> None:
        """The command's own runs verify."""

    @contextmanager
    def progress(what: str) -> Iterator[Report]:
        yield lambda done, total, lag: None

    log = await asyncio.to_thread(Log, ground.settings.kafka.client_properties())
    try:
        rebuilding = Rebuild(
            ground.session,
            ground.keyspace,
            log,
            log.topics(),
            dict.fromkeys(PROJECTED, 0),
            Lease(Moves(ground.session, ground.keyspace), draw_secret(9), _DEAD),
            verify=nothing_to_verify,
            progress=progress,
            say=lambda line: None,
            stop=NeverStop(),
            max_rate=100_000,
        )
        return await rebuilding.run(names)
    finally:
        await asyncio.to_thread(log.close)


async def _refused(ground: Ground, command: str, why: str) -> None:
    refused = await ground.replay(*command.split())
    assert refused.status == 1
    assert refused.said.startswith(f"verbatim: {why}")
    assert refused.said.count("\n") == 1


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
    first.send_signal(signal.SIGINT)
    stopped = await ended(first)
    assert stopped.status == 130, stopped.said
    assert "interrupted; the same command goes on where this one stopped" in stopped.said
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
