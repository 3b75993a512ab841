"""Time that jumps to the next timer, and processes that can be stopped, woken and killed inside one event loop.

Whatever a process starts (tasks, timers, callbacks) carries its context, so the loop knows whose turn it would be: the
turns of a stopped process wait until it is continued, as under SIGSTOP.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
EPOCH_US = 1_763_700_000_000_000
_NEVER = 1 << 62


class Died(Exception):
    """The process that asked is dead: nothing it does has any effect."""


class Process:
    """One process of the system: its tasks, and whether they run.

    `step` is called at every effect that others could see. `crash_at_step` kills the process just before that one.
    """

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.alive = True
        self.steps = 0
        self.crash_at_step = _NEVER
        self.on_death: list[Callable[[], None]] = []
        self.error: BaseException | None = None
        self._loop = loop
        self._stopped = False
        self._waiting: list[asyncio.Handle] = []
        self._root: asyncio.Task[None] | None = None
        self.context = copy_context()
        self.context.run(CURRENT.set, self)

    def start(self, main: Coroutine[Any, Any, None]) -> None:
        """Run `main` as this process; its end is the process's end."""
        self._root = self._loop.create_task(main, context=self.context)
        self._root.add_done_callback(self._ended, context=Context())

    def step(self) -> bool:
        """Whether the effect that follows takes place."""
        if self.alive:
            self.steps += 1
            if self.steps >= self.crash_at_step:
                self.kill()
        return self.alive

    def kill(self) -> None:
        """kill -9: nothing of it has an effect from now on. Its tasks unwind, unseen."""
        if not self.alive:
            return
        self.alive = False
        self.resume()
        if self._root is not None:
            self._root.cancel()
        for told in self.on_death:
            told()

    def stop(self) -> None:
        """SIGSTOP."""
        self._stopped = self.alive

    def resume(self) -> None:
        """SIGCONT: all that would have run meanwhile runs now, in its order."""
        self._stopped = False
        waiting, self._waiting = self._waiting, []
        self._loop.again(waiting)

    @property
    def stopped(self) -> bool:
        return self._stopped

    def may_run(self, handle: asyncio.Handle) -> bool:
        """For the loop: False if the handle has to wait for `resume`."""
        if self._stopped:
            self._waiting.append(handle)
        return not self._stopped

    @property
    def done(self) -> bool:
        return self._root is None or self._root.done()

    def _ended(self, root: asyncio.Task[None]) -> None:
        was_alive, self.alive = self.alive, False
        if not root.cancelled():
            self.error = root.exception()
        if was_alive:
            for told in self.on_death:
                told()


CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)


class _Handle(asyncio.Handle):
    def _run(self) -> None:
        process = self._context.get(CURRENT)  # type: ignore[attr-defined]  # private to asyncio, so the stubs leave it out
        if process is None or process.may_run(self):
            super()._run()


class _Timer(asyncio.TimerHandle):
    def _run(self) -> None:
        process = self._context.get(CURRENT)  # type: ignore[attr-defined]  # private to asyncio, so the stubs leave it out
        if process is None or process.may_run(self):
            super()._run()


class _Task(asyncio.Task[Any]):
    """A task whose place in a set (asyncio.TaskGroup cancels a set of tasks) does not depend on memory addresses."""

    def __init__(self, number: int, coro: Any, loop: asyncio.AbstractEventLoop, context: Context | None) -> None:
        self._number = number
        super().__init__(coro, loop=loop, context=context)

    def __hash__(self) -> int:
        return self._number


class Deadlock(Exception):
    """Nobody will ever do anything again."""


class _Jump:
    """In place of a selector: waiting for the next timer makes it the present."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is scheduled")
        self._loop.advance(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets, threads or real waiting. The same seed gives the same order of everything."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng
        self._now_s = 0.0
        self._selector = _Jump(self)
        numbers = count()

        def task(_: Any, coro: Any, context: Context | None = None) -> _Task:
            return _Task(next(numbers), coro, self, context)

        self.set_task_factory(task)

    def time(self) -> float:
        return self._now_s

    def now_us(self) -> int:
        """The wall clock."""
        return EPOCH_US + int(self._now_s * 1e6)

    def advance(self, seconds: float) -> None:
        if seconds > 0:
            self._now_s += seconds

    def again(self, handles: list[asyncio.Handle]) -> None:
        """Run these in the next turn."""
        self._ready.extend(handles)  # type: ignore[attr-defined]  # private to asyncio, so the stubs leave it out

    # What asyncio.BaseEventLoop leaves to its subclasses, and the two places where handles are made.

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody waits in another thread."""

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # private to asyncio, so the stubs leave it out
        return handle

    def call_at(  # type: ignore[override]  # any callback here, the stubs tie it to its arguments
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # private to asyncio, so the stubs leave it out
        timer._scheduled = True  # type: ignore[attr-defined]  # private to asyncio, so the stubs leave it out
        return timer

    def run_in_executor(  # type: ignore[override]  # any function here, the stubs tie it to its arguments
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """A thread: what it does happens at one moment, a little later."""
        future: asyncio.Future[Any] = self.create_future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:
                future.set_exception(error)

        self.call_later(self._rng.uniform(0.0005, 0.01), run)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""


async def until(condition: Callable[[], bool], within_s: float = 600.0, every_s: float = 0.01) -> bool:
    """Wait for `condition`, looking every so often; whether it came true in time."""
    for _ in range(int(within_s / every_s)):
        if condition():
            return True
        await asyncio.sleep(every_s)
    return condition()


def run(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on this loop and close it."""
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
