"""A supervisor of small real processes, which only beat."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from infra.settings import Settings
from infra.settings.servers import CassandraSettings, KafkaSettings, RedisSettings, TritonSettings
from infra.stack.child import ChildSpec
from infra.stack.layout import Layout
from infra.stack.prepare import Preparations
from infra.stack.supervisor import Supervisor

REPO_ROOT = Path(__file__).parents[2]
SETTINGS = Settings(
    kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
    cassandra=CassandraSettings(contact_points=("127.0.0.1",)),
    redis=RedisSettings(url=SecretStr("redis://127.0.0.1:5/0")),
    triton=TritonSettings(grpc="127.0.0.1:6"),
)
BEATS = """
import asyncio
from infra.lifesign import LifeSign
asyncio.run(LifeSign.from_env().run_beats(asyncio.Event()))
"""


def child(layout: Layout, name: str, code: str, hung_after_s: float = 10.0, stop_grace_s: float = 5.0) -> ChildSpec:
    return ChildSpec(
        name=name,
        role="dummy",
        argv=(sys.executable, "-c", code),
        env={"PYTHONPATH": str(REPO_ROOT), "PATH": os.defpath, "VERBATIM_LIFESIGN": str(layout.sign_of(name))},
        cwd=layout.run,
        start_timeout_s=20,
        hung_after_s=hung_after_s,
        stop_grace_s=stop_grace_s,
    )


@asynccontextmanager
async def running(
    layout: Layout, *children: ChildSpec, preparations: Preparations | None = None
) -> AsyncIterator[Supervisor]:
    """A supervisor that is ready; stopped at the end of the block."""
    supervisor = Supervisor(SETTINGS, layout, children, preparations or Preparations())
    stop, ready = asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(layout.held())
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(supervisor.run((), stop, lambda _key: ready.set()))
        await asyncio.wait_for(ready.wait(), 30)
        try:
            yield supervisor
        finally:
            stop.set()


def pids(layout: Layout) -> dict[str, int]:
    return {c["name"]: c["pid"] for c in json.loads(layout.stack_file.read_text())["children"]}


def replaced(layout: Layout, name: str, pid: int) -> Callable[[], bool]:
    return lambda: pids(layout).get(name, pid) != pid
