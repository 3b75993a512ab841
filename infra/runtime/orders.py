"""Work that any thread asks of one thread, because it may be done only there."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class NoMoreOrders(Exception):
    """The thread has ended, or ends now: the work was not done."""


class Orders:
    """`add` from any thread, `run` and `close` from the one that works."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._is_closed = False

    def add(self, work: Callable[[], T]) -> Future[T]:
        """Have `work` done at the next `run`, in the order of the calls. Whoever no longer waits cancels the future."""
        done: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                done.set_exception(NoMoreOrders())
            else:
                self._waiting.append((work, done))
        return done

    def run(self) -> None:
        """Do what there is. What a work raises, its future gets."""
        while self._waiting:
            work, done = self._waiting.popleft()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(work())
            except Exception as error:  # whatever it is, it is the asker's news
                done.set_exception(error)

    def close(self) -> None:
        """Refuse what waits, and all that is asked for from now on."""
        with self._lock:
            self._is_closed = True
        while self._waiting:
            _, done = self._waiting.popleft()
            if done.set_running_or_notify_cancel():
                done.set_exception(NoMoreOrders())
