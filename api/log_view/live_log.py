"""The live log for all readers: one tail of all topics with conversation records, while anyone reads.

token-chunks are tailed anyway (api.streaming.chunk_log); the other topics only from the first listener on until a
while after the last one. Records without a listener are skipped by their key, without decoding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from api.http.errors import Overloaded
from api.http.metrics import LOOKS_LIMITED
from infra import logging
from infra.runtime.failures import first
from topics.cuts import TopicPartition
from topics.errors import LogUnavailable
from topics.log import RawRecord

MAX_LISTENERS = 1000
MAX_OF_A_KEY = 50
"""So many listen for the same records: one user cannot take all the places there are."""
START_S = 5.0
"""How long a listener waits for the tail to begin."""
IDLE_S = 5.0
"""How long the tail goes on without listeners: pages reload and clients reconnect."""
AGAIN_S = 1.0
_log = logging.get_logger(__name__)


class LiveRecord(Protocol):
    """What is needed of a consumed Kafka message."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...


OnRecords = Callable[[Iterable[LiveRecord]], None]


class LiveTail(Protocol):
    """What is appended from `start` on, in each partition's order, handed to a callback on the loop."""

    async def start(self) -> None:
        """Raises LogUnavailable."""

    def next_at(self, place: TopicPartition) -> int:
        """Everything before this offset has been handed over, nothing from it on. Raises KeyError if not tailed."""

    async def failed(self) -> None:
        """Until it can go on no more; raises what ended it."""

    async def aclose(self) -> None: ...


class LiveListener(Protocol):
    """A reader. `keys`: the records it wants; None: all of them. Both methods are quick and raise nothing."""

    @property
    def keys(self) -> frozenset[bytes] | None: ...

    def take(self, raw: RawRecord) -> None:
        """The next record of its partition."""

    def lose(self) -> None:
        """The tail broke; nothing comes any more."""


class LiveLog:
    """All listeners of this process."""

    def __init__(
        self, open_tail: Callable[[OnRecords], LiveTail], chunks_at: Callable[[TopicPartition], int] | None = None
    ) -> None:
        """`chunks_at`: as LiveTail.next_at, of token-chunks, whose records come by `on_records`; None: they do not."""
        self._open_tail = open_tail
        self._chunks_at = chunks_at
        self._listeners: set[LiveListener] = set()
        self._by_key: dict[bytes, set[LiveListener]] = {}
        self._of_all: set[LiveListener] = set()
        self._tail: LiveTail | None = None
        self._closed = False
        self._ready = asyncio.Event()
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._listeners)

    async def join(self, listener: LiveListener) -> None:
        """From when this returned the listener takes every record appended. `leave` whenever it was called.

        Raises LogUnavailable; Overloaded where too many look already.
        """
        if self._closed:
            raise LogUnavailable("this process is stopping")
        of_a_key = max((len(self._by_key.get(key, ())) for key in listener.keys or ()), default=0)
        if len(self._listeners) >= MAX_LISTENERS or of_a_key >= MAX_OF_A_KEY:
            LOOKS_LIMITED.labels("room").inc()
            of_one = f"{MAX_OF_A_KEY} readers already follow these records" if of_a_key >= MAX_OF_A_KEY else None
            raise Overloaded(of_one or f"{MAX_LISTENERS} readers already follow the log")
        self._listeners.add(listener)
        for key in listener.keys or ():
            self._by_key.setdefault(key, set()).add(listener)
        if listener.keys is None:
            self._of_all.add(listener)
        self._wanted.set()
        try:
            async with asyncio.timeout(START_S):
                await self._ready.wait()
        except TimeoutError:
            raise LogUnavailable("the live log is not available") from None

    def leave(self, listener: LiveListener) -> None:
        self._listeners.discard(listener)
        self._of_all.discard(listener)
        for key in listener.keys or ():
            there = self._by_key.get(key, set())
            there.discard(listener)
            if not there:
                self._by_key.pop(key, None)
        if not self._listeners:
            self._wanted.clear()
            self._changed.set()

    def close(self) -> None:
        """Ends all listeners; no new one can join."""
        self._closed = True
        for listener in list(self._listeners):
            listener.lose()

    def next_at(self, place: TopicPartition) -> int:
        """Every record from this offset on is still to come to the listeners, none before it. Raises LogUnavailable."""
        if self._tail is None:
            raise LogUnavailable("the live log is not available")
        try:
            return self._tail.next_at(place)
        except KeyError:
            if self._chunks_at is None:
                raise
            return self._chunks_at(place)

    def on_records(self, records: Iterable[LiveRecord]) -> None:
        """The next records of token-chunks, or of the tail. Runs on the loop."""
        if not self._listeners:
            return
        by_key, of_all = self._by_key, self._of_all
        for record in records:
            listeners = by_key.get(record.key() or b"")
            if listeners is None and not of_all:
                continue
            raw = _raw(record)
            for listener in (*(listeners or ()), *of_all):
                listener.take(raw)

    async def run(self) -> None:
        """Tail while anybody listens. Until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                await self._tail_once()
            except* Exception as errors:  # whatever it is: a failing log view must never stop token streams
                for listener in list(self._listeners):
                    listener.lose()
                _log.warning("the live log failed", reason=repr(first(errors))[:300])
                await asyncio.sleep(AGAIN_S)

    async def _tail_once(self) -> None:
        tail = self._open_tail(self.on_records)
        try:
            await tail.start()
            self._tail = tail
            self._ready.set()
            async with asyncio.TaskGroup() as tasks:
                broken = tasks.create_task(tail.failed())
                await self._until_unwanted()
                # New listeners wait for the next tail from here on.
                self._ready.clear()
                broken.cancel()
        finally:
            self._ready.clear()
            self._tail = None
            await tail.aclose()

    async def _until_unwanted(self) -> None:
        while True:
            self._changed.clear()
            if not self._listeners:
                await asyncio.sleep(IDLE_S)
                if not self._listeners:
                    return
                continue
            await self._changed.wait()


def _raw(record: LiveRecord) -> RawRecord:
    place = record.topic() or "", record.partition() or 0, record.offset() or 0
    return RawRecord(*place, record.timestamp()[1], record.key(), record.value())
