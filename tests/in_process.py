"""`./verbatim …` within the test: starting a process takes longer than what most commands do."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from unittest.mock import patch

from typer.testing import CliRunner

from infra.cli.__main__ import command_line
from infra.cli.replay import progress

_ONE_AT_A_TIME = threading.Lock()
"""A command has the whole process for itself: its output and its environment."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it said."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


def run_command(arguments: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a command to its end, with `environment` over that of the test. A traceback fails the test."""
    with _ONE_AT_A_TIME, _process_as_it_was():
        app = command_line(arguments)
        done = CliRunner().invoke(app, list(arguments), env=dict(environment), prog_name="./verbatim")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise AssertionError(f"{' '.join(arguments)} ended with a traceback") from done.exception
    return Ended(done.exit_code, done.stdout_bytes, done.stderr)


async def run_beside(arguments: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """The same in a thread, while the loop goes on. Signals belong to the main thread, so none stops the command."""
    with patch.object(progress, "interruptible", lambda: nullcontext(progress.Stop())):
        return await asyncio.to_thread(run_command, arguments, environment)


@contextmanager
def _process_as_it_was() -> Iterator[None]:
    """A command sets up the process that it has for itself: logs to its own stderr, rare collections."""
    root, thresholds = logging.getLogger(), gc.get_threshold()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        gc.set_threshold(*thresholds)
        gc.unfreeze()
