"""From threads to an event loop: what librdkafka, drivers and readers have, without a wake-up for each piece of it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from typing import Any, Generic, TypeVar, TypeVarTuple, Unpack

from infra.clock import monotonic_s

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LOOK_S = 0.5
"""How soon a thread that waits for the loop to take a batch sees that it is to stop."""

ASK_LOOK_S = 0.01
"""How soon a thread that waits for an answer of the loop does what it is asked for meanwhile."""


class Burst(Generic[T]):
    """Answers that threads `add`; one wake-up of the loop takes all that have come.

    `take` is called on the loop with what there is, and pops it. `add` does not wake the loop, `wake` does.
    """

    def __init__(self, take: Callable[[deque[T]], None]) -> None:
        self._take = take
        self._items: deque[T] = deque()
        self._armed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.add: Callable[[T], None] = self._items.append

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop that takes; what came before waits for the next `wake`."""
        self._loop = loop

    def wake(self) -> bool:
        """Have the loop take what there is, from any thread. False: the loop is closed and takes nothing more."""
        if self._items and not self._armed and self._loop is not None:
            self._armed = True
            try:
                self._loop.call_soon_threadsafe(self.drain)
            except RuntimeError:
                return False
        return True

    def drain(self) -> None:
        """Take what there is now. On the loop."""
        # First: what comes while this runs wakes the loop again.
        self._armed = False
        self._take(self._items)


class HandOver(Generic[T]):
    """Batches from one reading thread to the loop, in order; `most` of them are ahead of it, no more.

    A batch is ahead until the loop takes it; with `held`, until the taker calls `free`.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[T], None], *, most: int, held: bool = False
    ) -> None:
        self._loop = loop
        self._take = take
        self._held = held
        self._slots = threading.Semaphore(most)

    def put(self, batch: T, *, stop: threading.Event, waited: Callable[[], None]) -> bool:
        """Hand a batch over, waiting while `most` are ahead. False: stopping, or the loop is closed; it is lost.

        `waited` is called each LOOK_S in which the thread waits for the loop.
        """
        while not self.has_room(LOOK_S):
            waited()
            if stop.is_set():
                return False
        return self.give(batch)

    def has_room(self, within_s: float) -> bool:
        """Wait until a batch may be given, `within_s` at most. True: it must be, next."""
        return self._slots.acquire(timeout=within_s)

    def give(self, batch: T) -> bool:
        """Hand a batch over for which there is room. False: the loop is closed; it is lost."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch)
        except RuntimeError:
            return False
        return True

    def free(self) -> None:
        """One batch that was held is ahead no longer. From any thread."""
        self._slots.release()

    def _deliver(self, batch: T) -> None:
        if not self._held:
            self._slots.release()
        self._take(batch)


class NotDone(Exception):
    """The loop did not do in time what a thread asked of it, or is closed."""


class LoopCalls:
    """What one thread has to say to the loop, and asks of it; told in order, also with what a HandOver gives."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def tell(self, call: Callable[[Unpack[Ts]], object], *arguments: *Ts) -> None:
        """Have the loop make this call. A closed loop hears nothing."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    def ask(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        *,
        within_s: float,
        meanwhile: Callable[[], None] = lambda: None,
        stop: threading.Event | None = None,
    ) -> T:
        """Have the loop do `work`, calling `meanwhile` every ASK_LOOK_S. What it raises is raised here.

        Raises NotDone when it takes longer than `within_s`, and cancels it; and once `stop` is set, letting it go on.
        """
        until_s = monotonic_s() + within_s
        coroutine = work()
        try:
            done = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError as error:
            coroutine.close()
            raise NotDone("the loop is closed") from error
        while not wait((done,), ASK_LOOK_S).done:
            meanwhile()
            if stop is not None and stop.is_set():
                raise NotDone("stopping")
            if monotonic_s() > until_s and done.cancel():
                raise NotDone(f"the loop did not do it within {within_s:g} s")
        return done.result()
