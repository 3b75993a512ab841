"""`./verbatim replay …`: within the test, since starting takes longer than the work, or as a process that may die."""

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

from infra.settings import Settings
from tests.in_process import run_command

ROOT = Path(__file__).parents[3]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """What a process of the project needs to find these servers."""
    return {
        "VERBATIM_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "VERBATIM_KAFKA__PREFIX": settings.kafka.prefix,
        "VERBATIM_LOG__WRITES": str(settings.log.level),
        "VERBATIM_CASSANDRA__CONTACT_POINTS": f'["{settings.cassandra.contact_points[0]}"]',
        "VERBATIM_CASSANDRA__PORT": str(settings.cassandra.port),
        "VERBATIM_CASSANDRA__KEYSPACE": settings.cassandra.keyspace,
        **more,
    }


class Replay:
    """Runs the command against servers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """What it says on stdout, or on stderr if the status that it must end with is not 0."""
        ended = run_command(["replay", *arguments], environment(self._settings))
        assert ended.status == status, (arguments, ended)
        return ended.err if status else ended.text

    def process(self, *arguments: str, status: int = 0, **more: str) -> str:
        """The same as a process of its own, with `more` in its environment."""
        command = [sys.executable, "-m", "infra.cli", "replay", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment(self._settings, **more)},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stderr if status else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@contextmanager
def agent_process(
    settings: Settings, module: str, output: Path, instance: str = "test-0", carries: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """An agent's process for the length of the block. `carries`: the agents that share it."""
    command = [sys.executable, "-m", module]
    names = {"VERBATIM_INSTANCE": instance, **({"VERBATIM_CARRIES": carries} if carries else {})}
    with output.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment(settings, **names)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
