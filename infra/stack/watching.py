"""Watches one run of a child: until it is ready, and then until it ends or hangs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from infra.clock import monotonic_s
from infra.stack.child import ChildSpec, Unwell
from infra.stack.liveness import MAX_A_TURN_S, Silence, Unanswered
from infra.stack.process import Process

POLL_S = 0.05
SIGN_LOOKS = 8
"""So many looks at a sign of life within the time after which a silent child is taken for hung; MAX_A_TURN_S at most
between two: a longer turn does not count as silence."""
HEALTH_INTERVAL_S = 5.0
HEALTH_AGAIN_S = 1.0
HEALTH_TIMEOUT_S = 10.0


class Watch:
    """`well` is called with None when a ready child's health answered, or with what was wrong."""

    def __init__(self, spec: ChildSpec, process: Process, sign: Path, well: Callable[[str | None], None]) -> None:
        self._spec = spec
        self._process = process
        self._sign = sign
        self._well = well

    async def until_ready(self, timeout_s: float) -> str | None:
        """None once the child is ready; else why it is not."""
        deadline = monotonic_s() + timeout_s
        last = "no sign of life"
        while not self._process.ended:
            if monotonic_s() > deadline:
                return f"not ready after {timeout_s:g} s ({last})"
            if self._spec.health is None:
                if self._beat() is not None:
                    return None
            else:
                wrong = await self._ask()
                if wrong is None:
                    return None
                last = one_line(wrong)
            await self._ended_within(POLL_S)
        return await self._process.wait()

    async def until_end(self) -> str:
        """Why a ready child is no more, or must not be: it ended, or it hangs."""
        async with asyncio.TaskGroup() as tasks:
            watchers = {tasks.create_task(self._process.wait()), tasks.create_task(self._listen())}
            if self._spec.health is not None:
                watchers.add(tasks.create_task(self._query()))
            done, rest = await asyncio.wait(watchers, return_when=asyncio.FIRST_COMPLETED)
            for watcher in rest:
                watcher.cancel()
        return await self._process.wait() if self._process.ended else done.pop().result()

    async def _listen(self) -> str:
        """Returns when the beats of a child that has beaten stay away for too long."""
        silence = Silence(self._spec.hung_after_s, self._beat(), monotonic_s())
        pause_s = min(self._spec.hung_after_s / SIGN_LOOKS, MAX_A_TURN_S)
        while True:
            await asyncio.sleep(pause_s)
            if self._process.told_to_end:
                # What drains need not beat any more, and is killed after its grace.
                return await self._process.wait()
            excused = silence.doubtful and self._process.wants_cpu_or_disk()
            if (hung := silence.look(self._beat(), monotonic_s(), excused=excused)) is not None:
                return hung

    async def _query(self) -> str:
        """Returns when a server has not answered for too long. A slow or bad answer is shown, not punished: killing a
        loaded server helps nobody.
        """
        unanswered = Unanswered(self._spec.unanswered_after_s)
        pause_s = HEALTH_INTERVAL_S
        while True:
            await asyncio.sleep(pause_s)
            asked_at_s = monotonic_s()
            wrong = await self._ask()
            if self._process.ended or self._process.told_to_end:
                return await self._process.wait()
            if wrong is None or isinstance(wrong, Unwell):
                unanswered.answered()
            elif (hung := unanswered.failed(asked_at_s, monotonic_s())) is not None:
                return hung
            self._well(None if wrong is None else one_line(wrong))
            pause_s = HEALTH_INTERVAL_S if wrong is None else HEALTH_AGAIN_S

    async def _ask(self) -> Exception | None:
        """Ask the child's health once: None when it works, else what is wrong. Returns early when the process ends."""
        health = self._spec.health

        async def query() -> Exception | None:
            try:
                if health is not None:
                    async with asyncio.timeout(HEALTH_TIMEOUT_S):
                        await health.check()
            except Exception as error:  # every way for a query to fail means "not well", and is shown
                return error
            return None

        async with asyncio.TaskGroup() as tasks:
            asked, ended = tasks.create_task(query()), tasks.create_task(self._process.wait())
            await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            ended.cancel()
        return Unwell("it ended") if asked.cancelled() else asked.result()

    async def _ended_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)

    def _beat(self) -> int | None:
        try:
            return self._sign.stat().st_mtime_ns
        except OSError:
            return None


def one_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
