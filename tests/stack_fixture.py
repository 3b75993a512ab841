"""Real servers for integration tests: started once per test session in a folder of their own, stopped at its end.

Set STACK_STATE to the state folder of running servers (`python -m infra.stack.servers --state DIR`) to use those
instead while developing. Keep out of each other's way all the same: a topic prefix and a keyspace per test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.models.catalogue import SCRIPTED
from infra.settings import Settings, load
from infra.stack.layout import Layout
from infra.stack.leftovers import end_marked, remove_shared_memory
from schemas.registry import WRITE_LEVEL
from tests.eventually import eventually_sync

REPO_ROOT = Path(__file__).parents[1]
SCRIPTED_MODELS = {"VERBATIM_SHIPPED_MODELS": json.dumps(SCRIPTED)}
"""The setting of stacks whose answers are known: the models without weights alone."""
# A cold cache also downloads about 110 MB of jars.
START_TIMEOUT_S = 240.0
STOP_TIMEOUT_S = 45.0


def settings_of(state: Path) -> Settings:
    """Settings that point at the servers of a state folder."""
    stack: dict[str, Any] = json.loads((state / "stack.json").read_text())
    return load(
        state=state,
        # As `up` starts its processes: with the broker their own.
        log={"writes": WRITE_LEVEL},
        kafka={"bootstrap": stack["kafka"]["bootstrap"]},
        cassandra={"contact_points": (stack["cassandra"]["host"],), "port": stack["cassandra"]["port"]},
        redis={"url": stack["redis"]["url"]},
        triton={"grpc": stack["triton"]["grpc"]},
    )


@contextmanager
def running_servers(state: Path, *arguments: str, kept: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """The servers over `state` for the length of the block; yields their supervisor.

    Not `kept`: nobody will look at `state` again, so they are killed, which takes a moment instead of ten seconds.
    """
    arguments = arguments if kept else (*arguments, "--passing")
    output = state.with_name(f"{state.name}.out")
    with output.open("wb") as file:
        command = [sys.executable, "-m", "infra.stack.servers", "--state", str(state), *arguments]
        supervisor = subprocess.Popen(command, cwd=REPO_ROOT, stdout=file, stderr=subprocess.STDOUT)

    def ready() -> bool:
        said = output.read_text()
        if supervisor.poll() is not None:
            raise RuntimeError(f"the servers ended: {said[-2000:]}")
        return "\nready: " in said

    try:
        _until(ready, supervisor)
        yield supervisor
    finally:
        if supervisor.poll() is None:
            supervisor.send_signal(signal.SIGTERM if kept else signal.SIGKILL)
        supervisor.wait(STOP_TIMEOUT_S)
        if not kept:
            end_at_once(state)


def end_at_once(state: Path) -> None:
    """Kill a stack whose folder nobody will look at again; nothing of it is left."""
    layout = Layout.at(state)
    if not layout.marker.is_file():
        return
    supervisor = layout.supervisor_pid()
    if supervisor is not None:
        os.kill(supervisor, signal.SIGKILL)
        eventually_sync(lambda: layout.supervisor_pid() is None)
    stack_id = layout.stack_id()
    end_marked(stack_id)
    remove_shared_memory(f"verbatim-{stack_id[:12]}-")


def _until(ready: Any, supervisor: subprocess.Popen[bytes]) -> None:
    def ready_or_ended() -> bool:
        return supervisor.poll() is not None or ready()

    eventually_sync(ready_or_ended, START_TIMEOUT_S)
    ready()


def session_servers(folder: Path) -> Iterator[Settings]:
    """What the `servers` fixture yields: settings of servers that live as long as the test session."""
    running = os.environ.get("STACK_STATE")
    if running:
        yield settings_of(Path(running))
        return
    state = folder / "state"
    with running_servers(state, kept=False):
        yield settings_of(state)
