"""A temporary stack in a folder of its own, independent of the user's settings and servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import infra
from infra.cli.terminal import UserError, one_line
from infra.ids import draw_id
from infra.models.catalogue import SCRIPTED
from infra.stack.layout import Layout
from infra.stack.ports import choose

UP_TIMEOUT_S = 300
DOWN_TIMEOUT_S = 60
_SOURCES = Path(infra.__file__).parent.parent


@contextmanager
def stack_in(folder: Path, *options: str, settings: str = "", models: Sequence[str] = SCRIPTED) -> Iterator[Path]:
    """Start a stack in `folder`, an absolute path; yields its state folder, and stops the stack after the block.

    Of the models that come along it offers `models`, usually those without weights: their answers are known, and they
    cost little.

    `options` go to `up`; `settings` are TOML. Raises UserError if it does not come up in time. The folder stays.
    """
    from infra.settings.environment import host_variables

    state, file = folder / "state", folder / "verbatim.toml"
    file.write_text(f"shipped_models = {json.dumps(list(models))}\n{settings}")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")}
    kept |= {"VERBATIM_CONFIG": str(file), "PYTHONPATH": str(_SOURCES)}
    kept |= host_variables()
    port = str(choose(["api"], {}, draw_id())["api"])
    try:
        _verbatim(["up", "--detach", "--state", str(state), "--port", port, *options], folder, kept, UP_TIMEOUT_S)
        yield state
    finally:
        if Layout.at(state).supervisor_pid() is not None:
            _verbatim(["down", "--state", str(state)], folder, kept, DOWN_TIMEOUT_S)


def _verbatim(arguments: Sequence[str], folder: Path, environment: dict[str, str], timeout_s: float) -> None:
    """Run a command of ours. Raises UserError with its last line if it fails, or takes too long."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=folder,
            env=environment,
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
