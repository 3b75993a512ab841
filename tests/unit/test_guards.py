"""The guards of tests/conftest.py bite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TRIES = {
    "connects": """
import socket
def test_it():
    with socket.socket() as one:
        one.connect(("127.0.0.1", 9))
""",
    "hides_it": """
import contextlib, socket
def test_it():
    with socket.socket() as one, contextlib.suppress(Exception):
        one.bind(("127.0.0.1", 0))
""",
    "swallows": """
import asyncio
def test_it():
    async def run():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
    asyncio.run(run())
""",
    "logs_wrongly": """
import logging
def test_it():
    logging.getLogger("x").warning("%d", "no number")
""",
    "is_good": """
import asyncio
def test_it():
    asyncio.run(asyncio.sleep(0))
""",
}


def test_what_must_fail_fails_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    (tmp_path / "unit").mkdir()
    for name, text in TRIES.items():
        (tmp_path / "unit" / f"test_{name}.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(CONFTEST.parents[1])}
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=50, env=environment
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    assert "a unit test opened a socket to ('127.0.0.1', 9): use a fake" in run.stdout
    assert "a unit test opened sockets to ('127.0.0.1', 0)" in run.stdout
    assert "errors that nobody would have seen: Exception in callback" in run.stdout
    passed = {name for name in TRIES if f"test_{name}.py" not in run.stdout.split("short test summary info")[-1]}
    assert passed == {"is_good"}
