"""The admin client of a process that lives long: one that gets no answer any more is replaced."""

from __future__ import annotations

import threading
from collections.abc import Callable

from confluent_kafka.admin import AdminClient

from infra.clock import monotonic_s
from infra.logging import get_logger

RENEWED_AFTER_S = 10.0
"""From the first failure, without any answer since; a new client is given as long."""

_log = get_logger(__name__)


class Admins:
    """Gives one admin client after the other. After a broker that hung, one may time out for ever on a connection that
    it takes for a good one.

    Who uses it tells of each answer and of each failure. Any thread may.
    """

    def __init__(self, opened: Callable[[], AdminClient], clock: Callable[[], float] = monotonic_s) -> None:
        self._open = opened
        self._clock = clock
        self._lock = threading.Lock()
        self._client = opened()
        self._failing_since_s: float | None = None

    @property
    def client(self) -> AdminClient:
        """The present one. Ask for it anew each time."""
        return self._client

    def answered(self) -> None:
        """The broker has answered."""
        self._failing_since_s = None

    def failed(self) -> None:
        """There was no answer, or none that helps."""
        with self._lock:
            now_s, since_s = self._clock(), self._failing_since_s
            if since_s is None:
                self._failing_since_s = now_s
                return
            if now_s - since_s < RENEWED_AFTER_S:
                return
            self._failing_since_s = now_s
            _log.warning("the broker does not answer this process: asking with a new client")
            old = [self._client]
            self._client = self._open()
        # It waits for what it still has to do: not here.
        threading.Thread(target=old.clear, name="old-admin", daemon=True).start()
