"""What the reader of an answer is told while its job waits: how many wait in its pool, and about how long."""

from __future__ import annotations

import orjson

from api.streaming.readers import Reader
from api.turns.queue_figures import Queue
from api.turns.queueing import Queues


class QueueNews:
    """For one stream. `comment`: in a dialect that has no event for it. It has no id, so it is never replayed."""

    def __init__(self, queues: Queues, pool: str, *, comment: bool = False) -> None:
        self._queues = queues
        self._pool = pool
        self._comment = comment
        self._told: Queue | None = None

    def listen(self, reader: Reader) -> None:
        """Wake the reader after each look at the queues."""
        self._queues.listeners[reader] = None

    def leave(self, reader: Reader) -> None:
        self._queues.listeners.pop(reader, None)

    def next(self) -> bytes:
        """What is new; empty: nothing, or nobody waits."""
        self._queues.want()
        queue = self._queues.of(self._pool)
        if not queue.waiting or queue == self._told:
            return b""
        self._told = queue
        said = orjson.dumps(
            {"position": queue.waiting, "etaSeconds": None if queue.wait_s is None else round(queue.wait_s, 1)}
        )
        return b": queued %b\n\n" % said if self._comment else b"event: queued\ndata: %b\n\n" % said
