"""Takes one sample a second while anyone reads Pulse, once for all readers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from api.consistency.ports import LogEnds
from api.conversations.ports import History, PastOutOfReach
from api.http.answers import iso
from api.http.metrics import LOOKS_LIMITED
from api.http.readiness import Readiness
from api.log_view.live_log import LiveLog
from api.pulse.figures import STALE_MS, Figures
from api.pulse.fleet import Fleet, Readings, lags
from api.pulse.recent import MAX_RECORDS, look_back
from api.streaming.readers import Reader, Readers
from infra import logging
from infra.clock import monotonic_s, now_us
from projections.replay.looking_back import Check, LogSource
from topics.catalogue import Catalogue
from topics.cuts import TopicPartition
from topics.errors import LogUnavailable
from topics.log import RawRecord

EVERY_S = 1.0
IDLE_S = 5.0
"""How long samples are taken without readers: pages reload, and some ask every few seconds."""
MAX_HELD_BYTES = 16 * 1024 * 1024
MAX_AT_ONCE = 200
"""So many records are counted before everybody else's tokens have their turn again."""
_log = logging.get_logger(__name__)


class _Tap:
    """Every record that is appended, kept until the figures take it; of more than MAX_HELD_BYTES the oldest goes."""

    keys: frozenset[bytes] | None = None

    def __init__(self) -> None:
        self._held: deque[RawRecord] = deque()
        self._bytes = 0
        self.lost = False

    def take(self, raw: RawRecord) -> None:
        if raw.topic not in MAX_RECORDS:
            return
        self._held.append(raw)
        self._bytes += _size(raw)
        while self._bytes > MAX_HELD_BYTES:
            LOOKS_LIMITED.labels("slow").inc()
            self._bytes -= _size(self._held.popleft())

    def taken(self) -> list[RawRecord]:
        """The oldest, at most MAX_AT_ONCE; they are kept no more."""
        records = [self._held.popleft() for _ in range(min(MAX_AT_ONCE, len(self._held)))]
        self._bytes -= sum(map(_size, records))
        return records

    def lose(self) -> None:
        self.lost = True


def _size(raw: RawRecord) -> int:
    return len(raw.value or b"") + 200  # and what an object costs


class Pulse:
    """`slots`: how many answers a worker of this installation gives at once, as this process's settings say."""

    def __init__(
        self,
        topics: Catalogue,
        live: LiveLog,
        history: History,
        ends: LogEnds,
        fleet: Fleet,
        readiness: Readiness,
        readers: Readers,
        slots: int,
    ) -> None:
        self._topics = topics
        self._live = live
        self._history = history
        self._ends = ends
        self._fleet = fleet
        self._readiness = readiness
        self._readers = readers
        self._slots = slots
        self._listeners: set[Reader] = set()
        self._waiting = 0
        self._asked_at_s = 0.0
        self._wanted = asyncio.Event()
        self._taken = asyncio.Event()
        self.closed = False
        self.latest: dict[str, Any] | None = None
        self.number = 0

    def listen(self, reader: Reader) -> None:
        """Wake the reader at each sample; `leave` ends it."""
        self._listeners.add(reader)
        self._want()

    def leave(self, reader: Reader) -> None:
        self._listeners.discard(reader)
        self._want()

    def close(self) -> None:
        """End what is pushed; no more samples are taken."""
        self.closed = True
        for reader in self._listeners:
            reader.wake()

    async def one(self, within_s: float) -> dict[str, Any]:
        """A sample. Raises LogUnavailable if there is none in time."""
        if self.closed:
            raise LogUnavailable("this process is stopping")
        self._want()
        self._waiting += 1
        try:
            async with asyncio.timeout(within_s):
                while self.latest is None:
                    self._taken.clear()
                    await self._taken.wait()
            return self.latest
        except TimeoutError:
            raise LogUnavailable("no sample was taken in time") from None
        finally:
            self._waiting -= 1

    def _want(self) -> None:
        self._asked_at_s = monotonic_s()
        if not self.closed:
            self._wanted.set()

    def _is_wanted(self) -> bool:
        lately = monotonic_s() < self._asked_at_s + IDLE_S
        return not self.closed and (bool(self._listeners) or self._waiting > 0 or lately)

    async def run(self) -> None:
        """Take samples while they are wanted. Until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                await self._while_wanted()
            except Exception as error:  # whatever it is: failing figures must never stop token streams
                _log.warning("sampling stopped", reason=repr(error)[:300])
                await asyncio.sleep(EVERY_S)
            finally:
                self.latest = None
            if not self._is_wanted():
                self._wanted.clear()

    async def _while_wanted(self) -> None:
        tap = _Tap()
        try:
            await self._live.join(tap)
            figures = Figures()
            await self._look_back(figures)
            while self._is_wanted():
                if tap.lost:
                    raise LogUnavailable("the live log failed")
                begun_s = monotonic_s()
                while records := tap.taken():
                    for raw in records:
                        figures.take(raw)
                    await asyncio.sleep(0)
                self.latest = await self._sample(figures)
                self.number += 1
                self._taken.set()
                for reader in self._listeners:
                    reader.wake()
                await asyncio.sleep(max(begun_s + EVERY_S - monotonic_s(), EVERY_S / 10))
        finally:
            self._live.leave(tap)

    async def _look_back(self, figures: Figures) -> None:
        stop = {
            (topic, partition): self._live.next_at((topic, partition))
            for topic in MAX_RECORDS
            for partition in range(self._topics[topic].partitions)
        }
        since_ms = now_us() // 1000 - STALE_MS

        def work(log: LogSource, check: Check) -> None:
            look_back(log, check, self._topics, stop, since_ms, figures.take)

        try:
            await self._history.look(work)
        except PastOutOfReach:
            _log.info("the figures start without the last minutes: the history reader is busy")

    async def _sample(self, figures: Figures) -> dict[str, Any]:
        readings = await self._readings()
        ends = await self._all_ends({topic for topic, _ in readings.committed} & self._topics.specs.keys())
        at_us = now_us()
        behind = lags(readings.committed, ends)
        return {
            "at": iso(at_us),
            **figures.snapshot(at_us // 1000),
            "groups": [{"group": group, "topic": topic, "lag": lag} for (group, topic), lag in sorted(behind.items())],
            "workers": self._workers(readings, figures.busy()),
            "deadLetters": {"open": figures.open_letters()},
            "readers": len(self._readers),
            "checks": await self._readiness.check(),
        }

    def _workers(self, readings: Readings, busy: dict[str, int]) -> list[dict[str, Any]]:
        members = {name for names in readings.workers.values() for name in names}
        return [
            {"worker": name, "slots": self._slots if name in members else None, "busy": busy.get(name, 0)}
            for name in sorted(members | busy.keys())
        ]

    async def _readings(self) -> Readings:
        try:
            return await self._fleet.readings()
        except (LogUnavailable, TimeoutError):
            return Readings({}, {})  # the checks say that the log is away

    async def _all_ends(self, topics: set[str]) -> dict[TopicPartition, int]:
        """Where they end; without those that the broker does not tell."""
        ends: dict[TopicPartition, int] = {}
        asked = (self._ends.newest(topic) for topic in sorted(topics))
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, LogUnavailable):
                continue
            if isinstance(answer, BaseException):
                raise answer
            ends.update({place: offset + 1 for place, offset in answer.items()})
        return ends
