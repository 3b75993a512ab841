"""Keeps one child alive: starts it, waits until it is ready, watches it, starts it again, stops it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from infra.clock import monotonic_s, utc_now
from infra.logging import get_logger
from infra.stack.backoff import Backoff
from infra.stack.child import ChildSpec
from infra.stack.layout import Layout
from infra.stack.leftovers import remove_shared_memory
from infra.stack.process import Process

State = Literal["starting", "ready", "unwell", "waiting", "failed", "stopped"]

POLL_S = 0.1
SIGN_POLL_S = 0.5
HEALTH_INTERVAL_S = 10.0
HEALTH_TIMEOUT_S = 15.0
FIRST_TRIES = 3

log = get_logger(__name__)


class Keeper:
    """One child over all its lives. `run` once, in a task; `stop` ends it."""

    def __init__(self, spec: ChildSpec, layout: Layout, changed: Callable[[], None], backoff: Backoff) -> None:
        self.spec = spec
        self.state: State = "starting"
        self.detail = ""
        self.pid: int | None = None
        self.restarts = 0
        self.started_at: str = ""
        self._layout = layout
        self._changed = changed
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._decided = asyncio.Event()
        self._process: Process | None = None

    async def until_ready(self) -> str | None:
        """Wait for the first readiness. Returns None, or why the child was given up."""
        await self._decided.wait()
        return None if self.state != "failed" else self.detail

    async def stop(self) -> None:
        """Ask the child to end, kill it after its grace, and let `run` return."""
        self._stopping.set()
        if self._process is not None:
            await self._process.stop(self.spec.stop_grace_s)

    async def run(self) -> None:
        """Keep the child until `stop`, or until it failed FIRST_TRIES times without ever being ready."""
        failures = 0
        while not self._stopping.is_set():
            reason, healthy_s = await self._one_life()
            if self._stopping.is_set():
                break
            failures = self._backoff.failures(failures, healthy_s)
            if not self._decided.is_set() and failures >= FIRST_TRIES:
                self._set("failed", reason)
                self._decided.set()
                log.error("child given up", child=self.spec.name, reason=reason)
                return
            delay_s = self._backoff.delay_s(failures)
            self.restarts += 1
            self._set("waiting", f"{reason}; started again in {delay_s:g} s")
            log.warning("child ended", child=self.spec.name, reason=reason, again_in_s=delay_s, restarts=self.restarts)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
        self._set("stopped", "")
        self._decided.set()

    async def _one_life(self) -> tuple[str, float]:
        """From start to end: why it ended, and how many seconds it was healthy."""
        self._sign.unlink(missing_ok=True)
        self.started_at = utc_now().isoformat(timespec="seconds")
        try:
            process = Process.start(self.spec.argv, self.spec.env, self.spec.cwd, self._layout.log_of(self.spec.name))
        except OSError as error:
            return f"cannot start: {error.strerror}", 0.0
        self._process, self.pid = process, process.pid
        self._set("starting", "")
        ready_at: float | None = None
        try:
            reason = await self._until_answering(process)
            if reason is None:
                ready_at = monotonic_s()
                self._set("ready", "")
                self._decided.set()
                reason = await self._watch(process)
        finally:
            await process.kill()
            self._process, self.pid = None, None
            if self.spec.health is not None:
                await asyncio.to_thread(self.spec.health.close)
            remove_shared_memory(self.spec.shared_memory_prefix)
        return reason, 0.0 if ready_at is None else monotonic_s() - ready_at

    async def _until_answering(self, process: Process) -> str | None:
        """None once the child is ready; else why it is not."""
        deadline = monotonic_s() + self.spec.start_timeout_s
        last = "no sign of life"
        while not process.ended:
            if monotonic_s() > deadline:
                return f"not ready after {self.spec.start_timeout_s:g} s ({last})"
            if self.spec.health is None:
                if self._sign.exists():
                    return None
            elif (answer := await self._ask(process)) is None:
                return None
            else:
                last = answer
            await self._end_within(process, POLL_S)
        return await process.wait()

    async def _ask(self, process: Process) -> str | None:
        """Ask the child's health: None when well, else what is wrong. Returns early when the process ends."""

        async def query() -> str | None:
            try:
                if self.spec.health is not None:
                    async with asyncio.timeout(HEALTH_TIMEOUT_S):
                        await self.spec.health.check()
            except Exception as error:  # every way for a query to fail means "not well", and is shown
                return one_line(error)
            return None

        async with asyncio.TaskGroup() as tasks:
            asked, ended = tasks.create_task(query()), tasks.create_task(process.wait())
            await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            ended.cancel()
        return "it ended" if asked.cancelled() else asked.result()

    async def _watch(self, process: Process) -> str:
        """Watch a ready child until it ends (or hangs, which is made an end); returns the reason."""
        beat, beat_seen_at = self._beat(), monotonic_s()
        next_query = monotonic_s() + HEALTH_INTERVAL_S
        while not await self._end_within(process, SIGN_POLL_S):
            now = monotonic_s()
            # Compared with our own clock from when it last changed: a step of the wall clock kills nobody.
            if (seen := self._beat()) != beat:
                beat, beat_seen_at = seen, now
            elif beat is not None and now - beat_seen_at > self.spec.hung_after_s:
                return f"hung: no sign of life for {self.spec.hung_after_s:g} s"
            if self.spec.health is not None and now >= next_query:
                await self._ask_again(process)
                next_query = monotonic_s() + HEALTH_INTERVAL_S
        return await process.wait()

    async def _ask_again(self, process: Process) -> None:
        """Ask a ready child again. A slow answer is shown, not punished: killing a loaded server helps nobody."""
        wrong = await self._ask(process)
        if process.ended or self._stopping.is_set():
            return
        if wrong is not None:
            if self.state == "ready":
                log.warning("child unwell", child=self.spec.name, reason=wrong)
            self._set("unwell", wrong)
        else:
            if self.state == "unwell":
                log.info("child well again", child=self.spec.name)
            self._set("ready", "")

    @staticmethod
    async def _end_within(process: Process, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        return process.ended

    @property
    def _sign(self) -> Path:
        return self._layout.sign_of(self.spec.name)

    def _beat(self) -> int | None:
        try:
            return self._sign.stat().st_mtime_ns
        except OSError:
            return None

    def _set(self, state: State, detail: str) -> None:
        if (state, detail) != (self.state, self.detail) or state == "starting":
            self.state, self.detail = state, detail
            self._changed()


def one_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
