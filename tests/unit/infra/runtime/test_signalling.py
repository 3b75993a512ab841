from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from infra.runtime.signalling import send_signal

Signal = Callable[[asyncio.subprocess.Process], None]


@pytest.fixture
def watcher_may_look(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set: asyncio's watcher of children gets the status of one that has ended. Before, it is busy elsewhere."""
    may, reap = threading.Event(), os.waitpid

    def later(pid: int, options: int) -> tuple[int, int]:
        assert may.wait(60)
        return reap(pid, options)

    monkeypatch.setattr(os, "waitpid", later)
    yield may
    may.set()


async def status_of_one_that_has_just_ended(signalled: Signal, watcher_may_look: threading.Event) -> int:
    process = await asyncio.create_subprocess_exec("sh", "-c", "exit 3")
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    signalled(process)
    watcher_may_look.set()
    return await process.wait()


async def test_a_signal_leaves_the_status_of_a_process_that_has_just_ended(watcher_may_look: threading.Event) -> None:
    status = await status_of_one_that_has_just_ended(lambda each: send_signal(each, signal.SIGTERM), watcher_may_look)
    assert status == 3


@pytest.mark.parametrize(
    "signalled",
    [
        asyncio.subprocess.Process.terminate,
        asyncio.subprocess.Process.kill,
        lambda process: process.send_signal(signal.SIGTERM),
    ],
    ids=["terminate", "kill", "send_signal"],
)
async def test_asyncio_itself_loses_it(signalled: Signal, watcher_may_look: threading.Event) -> None:
    """Why there is a function of ours. Where a newer Python keeps the status, it can go."""
    assert await status_of_one_that_has_just_ended(signalled, watcher_may_look) == 255


async def test_a_running_process_gets_the_signal_and_an_ended_one_none() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    send_signal(process, signal.SIGTERM)
    assert await process.wait() == -signal.SIGTERM
    send_signal(process, signal.SIGKILL)
    assert process.returncode == -signal.SIGTERM
