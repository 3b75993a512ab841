"""A member of a consumer group, over the fake broker in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tests.fakes.broker import Fenced, MemoryMessage, Place
from tests.sim.network import Network
from tests.sim.virtual_time import Process
from topics.errors import FatalLogError


class Member:
    """A group member as a shell uses it: poll, commit; which of its partitions it reads from where."""

    def __init__(
        self,
        network: Network,
        process: Process,
        group: str,
        topics: Sequence[str],
        instance: str | None,
        session_s: float,
    ) -> None:
        self._network = network
        self._broker = network.broker
        self._process = process
        self._group = group
        self._id = self._broker.join(group, list(topics), instance, session_s)
        self._topics = frozenset(topics)
        self.next: dict[Place, int] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._has_come = False
        self._broker.on_append.append(self._appended)
        process.on_death.append(self._close)

    def changes(self) -> tuple[frozenset[Place], frozenset[Place]]:
        """(to be given up, newly ours). Raises FatalLogError for one that is fenced."""
        try:
            change = self._broker.poll(self._group, self._id)
        except Fenced as error:
            raise FatalLogError(str(error)) from error
        return change.revoked, change.assigned

    def take(self, places: frozenset[Place]) -> None:
        """Read these from where they are committed."""
        for place in sorted(places):
            self.next[place] = self._broker.committed(self._group, place) or 0

    def release(self, places: frozenset[Place]) -> None:
        for place in places:
            self.next.pop(place, None)
        try:
            self._broker.released(self._group, self._id, places)
        except Fenced as error:
            raise FatalLogError(str(error)) from error

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Raises FatalLogError for one that is fenced. May be lost, as an asynchronous one may."""
        if not offsets or not self._process.step() or self._network.commit_is_lost() or self._network.is_away:
            return
        try:
            self._broker.commit(self._group, self._id, offsets)
        except Fenced as error:
            raise FatalLogError(str(error)) from error

    def batch(self, most: int, paused: frozenset[Place] = frozenset()) -> list[MemoryMessage]:
        """What there is, moved past."""
        found: list[MemoryMessage] = []
        if self._network.is_away or not self._process.step():
            return found
        for place, start in self.next.items():
            if place not in paused and len(found) < most:
                read = self._broker.read(*place, start, most - len(found))
                self.next[place] = start + len(read)
                found += read
        return found

    async def wait(self, at_most_s: float) -> None:
        """Until something may have come."""
        loop = self._network.loop
        self._waiting = waiting = loop.create_future()
        pause_s = self._network.rng.uniform(0.0003, 0.003)
        timer = loop.call_later(pause_s if self._has_come else at_most_s + pause_s, _wake, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting, self._has_come = None, False

    def _appended(self, message: MemoryMessage) -> None:
        if message.topic() in self._topics and not self._has_come:
            self._has_come = True
            if self._waiting is not None:
                # In the process, so that one that is stopped does not notice.
                pause_s = self._network.rng.uniform(0.0003, 0.003)
                self._network.loop.call_later(pause_s, _wake, self._waiting, context=self._process.context)

    def _close(self) -> None:
        self._broker.on_append.remove(self._appended)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
