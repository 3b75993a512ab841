"""A worker that dies, hangs or is restarted under its supervisor, and an engine that goes away: the answer goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.settings.processes import WorkerSettings
from infra.stack.children import inherited_environment, own_children, spare_worker
from infra.stack.layout import Layout
from infra.stack.leftovers import marked_processes
from infra.stack.prepare import Preparations
from infra.stack.restarts import request_restart
from infra.stack.snapshot import ChildView
from infra.stack.supervisor import Spare, Supervisor
from schemas.generation import AttemptEnded, AttemptStarted
from tests.eventually import eventually
from tests.fakes.openai_upstream import OpenAIUpstream
from tests.integration.worker_world import WorkerWorld

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
ONLY_A_WORKER = dict.fromkeys(("recorder", "conversation", "metering", "watchdog", "projector", "api"), 0)
LONG = 150
EXPECTED = ", ".join(map(str, range(1, LONG + 1)))


@pytest.fixture
async def world(servers: Settings, tmp_path: Path) -> AsyncIterator[WorkerWorld]:
    async with OpenAIUpstream() as upstream:
        made = await WorkerWorld.make(servers, tmp_path, upstream.url)
        yield made
        await made.producer.aclose()


@asynccontextmanager
async def supervised(world: WorkerWorld, *, spare: bool) -> AsyncIterator[Supervisor]:
    """One worker of the world's pool, and a spare or none, under a supervisor of their own."""
    layout = Layout.at(world.folder / "state")
    layout.create()
    settings = world.settings.model_copy(
        update={
            "state": layout.root,
            "models": (world.folder / "models.toml",),
            "worker": WorkerSettings(pool=world.pool, spare=spare),
        }
    )
    environment = inherited_environment()
    waiting = spare_worker(settings, layout, {}, environment)
    supervisor = Supervisor(
        settings,
        layout,
        own_children(settings, layout, ONLY_A_WORKER, environment),
        Preparations(),
        spare=Spare(waiting, "worker") if waiting is not None else None,
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(layout.held())
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(supervisor.run((), stop, lambda _key: ready.set()))
        try:
            async with asyncio.timeout(60):
                await ready.wait()
            await eventually(lambda: all(child.state == "ready" for child in supervisor.snapshot().children), 60)
            yield supervisor
        finally:
            stop.set()
    assert list(marked_processes(layout.stack_id())) == []


def named(supervisor: Supervisor, name: str) -> ChildView:
    return next(child for child in supervisor.snapshot().children if child.name == name)


async def begun(world: WorkerWorld) -> str:
    """A generation in the middle of its answer."""
    generation = await world.job(f"count to {LONG}", "local")
    await eventually(lambda: world.fold(generation).last_seq > 15, 30)
    return generation


async def is_whole(world: WorkerWorld, generation: str) -> None:
    await eventually(world.finished(generation), 60)
    fold = world.fold(generation)
    assert fold.text == EXPECTED
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "stop"
    assert fold.end.usage.completion_tokens == fold.completion_tokens


def workers_of(world: WorkerWorld, generation: str) -> list[str]:
    return [record.worker for record in world.chunks(generation) if isinstance(record, AttemptStarted)]


@pytest.mark.slow("Kafka needs seconds to hand partitions over")
async def test_a_killed_worker_is_replaced_by_the_spare_under_its_name(world: WorkerWorld) -> None:
    async with supervised(world, spare=True) as supervisor:
        worker, spare = named(supervisor, "worker-0"), named(supervisor, "spare-0")
        assert (worker.role, spare.role) == ("worker", "spare")
        generation = await begun(world)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        await is_whole(world, generation)
        assert named(supervisor, "worker-0").pid == spare.pid
        assert workers_of(world, generation) == ["worker-0", "worker-0"]
        # Another spare waits for the next time, and takes no job meanwhile.
        await eventually(lambda: named(supervisor, "spare-0").state == "ready", 60)
        assert named(supervisor, "spare-0").pid != spare.pid
        again = await world.job("count to 5", "local")
        await eventually(world.finished(again), 60)
        assert workers_of(world, again) == ["worker-0"]
        assert "standing in" in (supervisor_log(world, "worker-0"))


def supervisor_log(world: WorkerWorld, name: str) -> str:
    return Layout.at(world.folder / "state").log_of(name).read_text()


@pytest.mark.slow("a frozen worker is found out by its silence")
async def test_a_frozen_worker_is_replaced_too(world: WorkerWorld) -> None:
    async with supervised(world, spare=True) as supervisor:
        worker = named(supervisor, "worker-0")
        generation = await begun(world)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        await is_whole(world, generation)
        assert named(supervisor, "worker-0").pid != worker.pid


@pytest.mark.slow("Kafka needs seconds to hand partitions over")
async def test_without_a_spare_the_worker_is_started_again(world: WorkerWorld) -> None:
    async with supervised(world, spare=False) as supervisor:
        assert [child.name for child in supervisor.snapshot().children] == ["worker-0"]
        generation = await begun(world)
        pid = named(supervisor, "worker-0").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await is_whole(world, generation)
        assert world.fold(generation).number == 2


@pytest.mark.slow("answers of many seconds go on over a restart")
async def test_a_requested_restart_hands_over(world: WorkerWorld) -> None:
    async with supervised(world, spare=True) as supervisor:
        before = named(supervisor, "worker-0").pid
        generation = await world.job("count to 400", "local")
        await eventually(lambda: world.fold(generation).last_seq > 15, 30)
        request_restart(Layout.at(world.folder / "state"), "worker-0")
        await eventually(lambda: named(supervisor, "worker-0").pid not in (before, None), 30)
        await eventually(world.finished(generation), 60)
        ends = [record for record in world.chunks(generation) if isinstance(record, AttemptEnded)]
        assert [end.finish_reason for end in ends] == ["handed_over", "stop"]
        assert world.fold(generation).text == ", ".join(map(str, range(1, 401)))


class Wire:
    """A TCP proxy in front of an engine: `cut` it, and the engine is away until it is `mended`."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection(self._host, int(self._port))
        self._writers |= {writer, back_writer}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, back_writer))
                tasks.create_task(_copy(back_reader, writer))
        finally:
            self._writers -= {writer, back_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def wire(servers: Settings) -> AsyncIterator[Wire]:
    made = Wire(servers.triton.grpc)
    await made.mend()
    yield made
    await made.cut()


@pytest.mark.slow("an engine stays away for seconds")
@pytest.mark.parametrize("when", ["before the first token", "in the middle"])
async def test_an_engine_that_comes_back_in_time_fails_no_answer(world: WorkerWorld, wire: Wire, when: str) -> None:
    with await world.worker(VERBATIM_TRITON__GRPC=f"127.0.0.1:{wire.port}"):
        if when == "in the middle":
            generation = await begun(world)
            await wire.cut()
        else:
            await wire.cut()
            generation = await world.job(f"count to {LONG}", "local")
            await eventually(lambda: bool(world.chunks(generation)), 30)
        said = world.fold(generation).last_seq
        await wire.mend()
        await is_whole(world, generation)
        assert world.fold(generation).number == 1, "the same attempt went on"
        assert world.fold(generation).last_seq > said


async def test_an_engine_that_stays_away_fails_the_answer_within_its_deadline(world: WorkerWorld, wire: Wire) -> None:
    with await world.worker(VERBATIM_TRITON__GRPC=f"127.0.0.1:{wire.port}"):
        generation = await begun(world)
        await wire.cut()
        await eventually(world.finished(generation), 30)  # the job allows 5 s between tokens
        fold = world.fold(generation)
        assert isinstance(fold.end, AttemptEnded)
        assert fold.end.failure is not None
        assert (fold.end.failure.code, fold.end.failure.retryable) == ("engine_unavailable", True)
        assert EXPECTED.startswith(fold.text)
        assert fold.text
