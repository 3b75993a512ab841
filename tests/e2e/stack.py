"""The whole product as a user runs it: `./verbatim` with a state folder of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stack_fixture import SCRIPTED_MODELS, end_at_once

ROOT = Path(__file__).resolve().parents[2]
CANARY = "zebra-canary-7c1f"
"""Stands in every prompt of these tests; no log file may hold it."""


@dataclass(frozen=True)
class Stack:
    """A running stack and its state folder."""

    state: Path
    port: int
    up_arguments: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def verbatim(self, *arguments: str, timeout_s: float = 170, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Run `./verbatim` with this stack's state folder; never raises for an exit code."""
        command = [str(ROOT / "verbatim"), *arguments, "--state", str(self.state)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=self.state.parent, **kwargs
        )

    def up(self) -> subprocess.CompletedProcess[str]:
        environment = os.environ | SCRIPTED_MODELS | dict(self.settings)
        return self.verbatim("up", "--detach", "--port", str(self.port), *self.up_arguments, env=environment)

    @property
    def description(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return found

    @property
    def url(self) -> str:
        return str(self.description["api"]["url"])

    @property
    def key(self) -> str:
        return str(self.description["api"]["key"])

    def pid(self, role: str) -> int:
        """The pid of the first child of a role, as stack.json says now."""
        return next(int(child["pid"]) for child in self.description["children"] if child["role"] == role)


@contextmanager
def running_stack(
    folder: Path, up_arguments: tuple[str, ...] = (), settings: Mapping[str, str] | None = None, *, kept: bool = True
) -> Iterator[Stack]:
    """`./verbatim up --detach` in a folder of its own; `down`, and no process left, at the end.

    Not `kept`: nobody will look at the folder again, so the stack is killed, which takes a moment.
    """
    running = Stack(folder / "state", free_port(), up_arguments, tuple((settings or {}).items()))
    with stopped_after(running) if kept else killed_after(running):
        started = running.up()
        assert started.returncode == 0, started.stdout + started.stderr
        yield running


@contextmanager
def stopped_after(running: Stack) -> Iterator[None]:
    """`down` after the block, and no process left, whatever came of it."""
    try:
        yield
    finally:
        there = (running.state / "stack.json").is_file()
        pids = [child["pid"] for child in running.description["children"]] if there else []
        stopped = running.verbatim("down")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert [pid for pid in pids if alive(pid)] == []


@contextmanager
def killed_after(running: Stack) -> Iterator[None]:
    """Everything is killed after the block."""
    try:
        yield
    finally:
        end_at_once(running.state)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive(pid: int) -> bool:
    """Whether a process with this pid is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
