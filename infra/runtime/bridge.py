"""From threads to an event loop: what librdkafka, drivers and readers have, without a wake-up for each piece of it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_S = 0.5
"""How soon a thread that waits for the loop sees that it is to stop."""


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

    `waited` is called each LOOK_S in which the thread waits for the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[T], None],
        *,
        most: int,
        stop: threading.Event,
        waited: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._take = take
        self._slots = threading.Semaphore(most)
        self._stop = stop
        self._waited = waited

    def put(self, batch: T) -> bool:
        """Hand a batch over, waiting while `most` are not taken. False: stopping, or the loop is closed; it is lost."""
        while not self._slots.acquire(timeout=LOOK_S):
            self._waited()
            if self._stop.is_set():
                return False
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch)
        except RuntimeError:
            return False
        return True

    def _deliver(self, batch: T) -> None:
        self._slots.release()
        self._take(batch)
