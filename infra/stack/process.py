"""Starts, watches and ends one operating-system process together with its own children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SHIM = Path(__file__).parent / "shim.py"


class Process:
    """A child in a session and process group of its own. Made by `start`."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._pidfd = os.pidfd_open(popen.pid)
        self._ended = asyncio.Event()
        self.told_to_end = False
        """It was asked to end and is killed after its grace period: silence is not a hang now."""
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        *,
        takes_orders: bool = False,
        timer_slack_ns: int = 0,
        timer_slack_file: Path | None = None,
    ) -> Process:
        """Start `argv`; its output is appended to `log`. Call from the main thread (see shim.py).

        With `takes_orders` its standard input is a pipe for `tell`. With `timer_slack_ns` it gets this timer slack if
        the host allows it, and what it got is written to `timer_slack_file`.
        """
        slack = ("--timer-slack", str(timer_slack_ns), str(timer_slack_file or os.devnull)) if timer_slack_ns else ()
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), *slack, *argv],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE if takes_orders else subprocess.DEVNULL,
                bufsize=0,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(popen)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        # What the child started (Triton's model processes, say) must not outlive it. Before the child is reaped,
        # so that its number cannot yet mean another group.
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        self._ended.set()

    async def wait(self) -> str:
        """Wait for the end; says how it ended, in words."""
        await self._ended.wait()
        code = self._popen.returncode
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exited with code {code}"

    def tell(self, line: str) -> bool:
        """Write the one line it waits for on its standard input; a pipe takes it whole. False: it cannot hear it."""
        pipe = self._popen.stdin
        if pipe is None or pipe.closed or self.ended:
            return False
        try:
            pipe.write(line.encode() + b"\n")
            pipe.close()
        except OSError:
            return False
        return True

    def wants_cpu_or_disk(self) -> bool:
        """Whether any of its threads is running, waits for a processor, or is held by the disk."""
        for stat in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError, IndexError):
                if stat.read_text().rpartition(")")[2].split()[0] in ("R", "D"):
                    return True
        return False

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, wait up to `grace_s` seconds, then kill it."""
        if not self.ended:
            self.told_to_end = True
            # Popen.send_signal would reap a child that has just ended, and free its number before its group is killed.
            os.kill(self._popen.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), grace_s)
        await self.kill()

    async def kill(self) -> None:
        """End it at once, with everything in its process group."""
        if not self.ended:
            self._signal_group(signal.SIGKILL)
            await self._ended.wait()

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)
