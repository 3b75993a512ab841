"""The whole product, started once for these tests the way a user starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.stack import Stack, alive, free_port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`./verbatim up --detach` in a folder of its own; `down` and no process left at the end."""
    running = Stack(tmp_path_factory.mktemp("e2e") / "state", free_port())
    started = running.up()
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield running
    finally:
        pids = [child["pid"] for child in running.description["children"]] if started.returncode == 0 else []
        stopped = running.verbatim("down")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert [pid for pid in pids if alive(pid)] == []


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """Signed in with the stack's first key."""
    with Client(stack) as opened:
        yield opened
