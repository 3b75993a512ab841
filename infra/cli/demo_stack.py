"""A stack of the demo's own, in a temporary folder, for those who have none running."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import infra
from infra.cli.terminal import UserError, one_line
from infra.ids import draw_id
from infra.stack.layout import Layout
from infra.stack.ports import choose

UP_TIMEOUT_S = 300
DOWN_TIMEOUT_S = 60
_SOURCES = Path(infra.__file__).parent.parent


@contextmanager
def own_stack() -> Iterator[Path]:
    """The state folder of a stack that was started for the block; stopped and deleted with it.

    Raises UserError if it does not come up in time; its folder then stays, for its logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="verbatim-demo-"))
    state = folder / "state"
    port = str(choose(["api"], {}, draw_id())["api"])
    try:
        try:
            _verbatim(["up", "--detach", "--state", str(state), "--port", port], folder, UP_TIMEOUT_S)
        except UserError as error:
            raise UserError(f"{error}. Its logs are in {state / 'logs'}") from None
        yield state
    finally:
        if Layout.at(state).supervisor_pid() is not None:
            _verbatim(["down", "--state", str(state)], folder, DOWN_TIMEOUT_S)
            shutil.rmtree(folder, ignore_errors=True)


def _verbatim(arguments: Sequence[str], folder: Path, timeout_s: float) -> None:
    """Run a command of ours, without the user's settings: it must touch no server of theirs. Raises UserError."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")}
    if cache := os.environ.get("VERBATIM_CACHE"):
        kept["VERBATIM_CACHE"] = str(Path(cache).absolute())
    try:
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=folder,
            env=kept | {"PYTHONPATH": str(_SOURCES)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"./verbatim {arguments[0]} did not end within {timeout_s:.0f} s") from None
    if done.returncode:
        lines = [line for line in map(one_line, done.stdout.splitlines()) if line]
        raise UserError(f"./verbatim {arguments[0]} failed: {lines[-1] if lines else f'exit {done.returncode}'}")
