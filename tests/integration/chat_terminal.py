"""A chat on a terminal of its own."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.runtime.signalling import send_signal
from tests.fakes.scripted_api import KEY, ScriptedApi

ROOT = Path(__file__).parents[2]


def command(api: ScriptedApi, state: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "infra.cli", "chat", "--url", api.url, "--key", KEY, "--state", str(state), *more]


class Terminal:
    """A chat on a terminal of its own."""

    def __init__(self, leader: int, process: asyncio.subprocess.Process) -> None:
        self._leader = leader
        self.process = process
        self.text = ""
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(leader, self._read)

    def _read(self) -> None:
        try:
            self.text += os.read(self._leader, 65536).decode(errors="replace")
            self._came.set()
        except OSError:
            asyncio.get_running_loop().remove_reader(self._leader)

    def type(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    async def shows(self, text: str) -> None:
        """Returns in the moment the text is there, before the chat can have done anything else."""
        try:
            async with asyncio.timeout(20):
                while text not in self.text:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            pytest.fail(f"{text!r} was not shown: {self.text!r}")

    async def leaves(self) -> int:
        """The exit code of a chat that was told to leave."""
        try:
            return await asyncio.wait_for(self.process.wait(), 20)
        except TimeoutError:
            pytest.fail(f"the chat did not leave: {self.text!r}")


@asynccontextmanager
async def on_terminal(
    api: ScriptedApi, state: Path, typed: str = "", env: Mapping[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """A chat on a terminal, on which `typed` was typed before it began."""
    leader, follower = pty.openpty()
    os.write(leader, typed.encode())
    before = termios.tcgetattr(follower)
    process = await asyncio.create_subprocess_exec(
        *command(api, state),
        cwd=ROOT,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        env=env,
    )
    terminal = Terminal(leader, process)
    try:
        yield terminal
        if process.returncode is not None:
            assert termios.tcgetattr(follower) == before
    finally:
        asyncio.get_running_loop().remove_reader(leader)
        send_signal(process, signal.SIGKILL)
        await process.wait()
        os.close(follower)
        os.close(leader)
