"""The release before restarts its processes by these command lines, also once the code is today's."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from infra.exits import EXIT_WRONG_SETTING

FAUST = ("faust", "-L", "uvloop", "--datadir", "x", "-A")
FORMER = {
    "api": ("api",),
    "worker": ("inference_workers",),
    "recorder": ("streams.recorder",),
    "conversation": (*FAUST, "infra.cli.conversation_app", "worker", "--without-web"),
    "metering": (*FAUST, "streams.metering.main", "worker", "--without-web"),
    "watchdog": (*FAUST, "streams.watchdog.main", "worker", "--without-web"),
    "projector": (*FAUST, "projections.main", "worker", "--without-web"),
}


async def said_by(arguments: tuple[str, ...], folder: Path) -> tuple[int | None, str]:
    """Exit status and errors of a process that is told a setting that it must refuse."""
    root = str(Path(__file__).parents[2])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "VERBATIM_NONSENSE": "1"},
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("role", sorted(FORMER))
async def test_a_former_name_starts_the_process_of_today(role: str, tmp_path: Path) -> None:
    status, errors = await said_by(FORMER[role], tmp_path)
    assert (status, errors.partition(": VERBATIM_NONSENSE")[0]) == (EXIT_WRONG_SETTING, role), errors


async def test_a_former_spare_stays_a_spare(tmp_path: Path) -> None:
    status, errors = await said_by(("inference_workers", "--spare"), tmp_path)
    assert status == EXIT_WRONG_SETTING and errors.startswith("worker: VERBATIM_NONSENSE"), errors
    status, errors = await said_by(("inference_workers", "--nonsense"), tmp_path)
    assert status == EXIT_WRONG_SETTING and errors.startswith("usage: python -m infra.processes.worker"), errors
