"""The demo kills processes of its own stack, and no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.cli.demo_victims import kill, successors, victims
from infra.cli.stack_file import StackChild
from infra.cli.terminal import UserError
from infra.clock import monotonic_s
from infra.stack.layout import Layout
from infra.stack.snapshot import ChildView, Snapshot, write_snapshot

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A folder that this very process holds as its supervisor."""
    layout = Layout.at(tmp_path / "state")
    layout.create()
    with layout.held():
        yield layout.root


def describe(state: Path, *children: StackChild) -> None:
    document = {
        "api": {"url": "http://127.0.0.1:1", "key": "k"},
        "kafka": {"bootstrap": "127.0.0.1:2"},
        "cassandra": {"host": "127.0.0.1", "port": 3, "keyspace": "v"},
        "redis": {"url": "redis://127.0.0.1:4/0"},
        "triton": {"grpc": "127.0.0.1:5"},
        "children": [{"name": c.name, "role": c.role, "pid": c.pid} for c in children],
    }
    Layout.at(state).stack_file.write_text(json.dumps(document))


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER) as child:
        try:
            yield child
        finally:
            child.kill()


def test_the_worker_that_writes_is_the_one(state: Path) -> None:
    first, second = StackChild("worker-0", "worker", 10), StackChild("worker-1", "worker", 11)
    api = StackChild("api-0", "api", 12)
    describe(state, first, second, api)
    assert victims(state, "worker", "worker-1") == (second,)
    assert victims(state, "worker", "a stand-in's name") == (first, second)
    assert victims(state, "api", None) == (api,)
    with pytest.raises(UserError, match="runs no recorder process"):
        victims(state, "recorder", None)


def test_a_child_of_the_supervisor_is_killed(state: Path) -> None:
    with sleeper() as child:
        before_s = monotonic_s()
        at_s = kill(state, (StackChild("worker-0", "worker", child.pid),))
        assert child.wait(10) == -signal.SIGKILL
        assert before_s <= at_s <= monotonic_s()


def test_a_stranger_is_not(state: Path) -> None:
    with pytest.raises(UserError, match="not a process of this stack"):
        kill(state, (StackChild("worker-0", "worker", os.getpid()),))


def test_nor_one_that_has_ended(state: Path) -> None:
    with sleeper() as child:
        child.kill()
        child.wait()
        with pytest.raises(UserError, match="has ended already"):
            kill(state, (StackChild("worker-0", "worker", child.pid),))


def test_without_a_supervisor_nobody_is_killed(tmp_path: Path) -> None:
    Layout.at(tmp_path / "state").create()
    with sleeper() as child:
        with pytest.raises(UserError, match="not a process of this stack"):
            kill(tmp_path / "state", (StackChild("worker-0", "worker", child.pid),))
        assert child.poll() is None


async def test_a_successor_has_the_name_and_another_pid(state: Path) -> None:
    def seen(*children: tuple[str, str, int]) -> None:
        views = tuple(ChildView(name, "worker", ready, "", pid, 0, "") for name, ready, pid in children)
        write_snapshot(Layout.at(state).status_file, Snapshot("running", "", "", "", "", views))

    killed = (StackChild("worker-0", "worker", 10), StackChild("worker-1", "worker", 11))
    told: list[str] = []
    seen(("worker-0", "ready", 20), ("worker-1", "ready", 11))
    assert await successors(state, killed, monotonic_s() + 0.2, told.append) == ("worker-1",)
    assert told == ["worker-0"]
    seen(("worker-0", "ready", 20), ("worker-1", "ready", 21))
    assert await successors(state, killed, monotonic_s() + 10, told.append) == ()
