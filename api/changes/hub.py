"""The fan-out of changes: one tail for all readers of this process, and a bounded buffer for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from api.changes.telling import TOPICS_TOLD, changes_of, owner_of, told_places
from api.http.errors import Overloaded
from api.http.metrics import LOOKS_LIMITED
from api.log_view.live_log import LiveLog
from api.streaming.readers import Reader
from topics.catalogue import Catalogue
from topics.cuts import TopicPartition
from topics.log import RawRecord

MAX_FEEDS = 10_000
MAX_OF_A_USER = 50
"""So many browsers of one user hear of changes: nobody can take all the places there are."""
MAX_HELD = 300
"""So many changes wait for one reader."""


class Told(NamedTuple):
    """The changes that the record at a place tells."""

    place: TopicPartition
    offset: int
    at_ms: int
    changes: tuple[bytes, ...]


class Feed:
    """The changes of one user for one reader, until they are too many: then `lapsed`, and nothing is held."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.lapsed = False
        self.over = False
        self._held: deque[Told] = deque()
        self._changes = 0
        self._reader: Reader | None = None

    def __len__(self) -> int:
        return len(self._held)

    def listen(self, reader: Reader) -> None:
        self._reader = reader

    def take(self, told: Told) -> None:
        """The changes that the next record tells."""
        if not self.lapsed:
            self._held.append(told)
            self._changes += len(told.changes)
            if self._changes > MAX_HELD:
                self.begin_again()
                self.lapsed = True
                LOOKS_LIMITED.labels("slow").inc()
        self._wake()

    def taken(self) -> list[Told]:
        """What is held, as `in_time`; it is held no more."""
        found = in_time(self._held)
        self.begin_again()
        return found

    def begin_again(self) -> None:
        """Hold what comes from now on; whatever was missed is made up for otherwise."""
        self._held.clear()
        self._changes, self.lapsed = 0, False

    def end(self) -> None:
        self.over = True
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None:
            self._reader.wake()


class ChangeHub:
    """All feeds of this process: one listener of a live log. Without feeds nothing is tailed."""

    keys: frozenset[bytes] | None = None

    def __init__(self, topics: Catalogue, live: LiveLog) -> None:
        """`live` tails the topics that tell changes, and has no other listener."""
        self.topics = topics
        self.places = told_places(topics)
        self._live = live
        self._feeds: dict[str, set[Feed]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    async def open(self, user_id: str) -> Feed:
        """A feed of every change of the user from when this returned; `close` it.

        Raises LogUnavailable; Overloaded where too many listen already.
        """
        of_the_user = len(self._feeds.get(user_id, ()))
        if self._count >= MAX_FEEDS or of_the_user >= MAX_OF_A_USER:
            LOOKS_LIMITED.labels("room").inc()
            of_one = f"{MAX_OF_A_USER} readers already hear of your changes" if of_the_user >= MAX_OF_A_USER else None
            raise Overloaded(of_one or f"{MAX_FEEDS} readers already hear of changes")
        feed = Feed(user_id)
        self._feeds.setdefault(user_id, set()).add(feed)
        self._count += 1
        try:
            await self._live.join(self)
        except BaseException:
            self.close(feed)
            raise
        feed.begin_again()
        return feed

    def close(self, feed: Feed) -> None:
        """Once for each feed."""
        feeds = self._feeds[feed.user_id]
        feeds.remove(feed)
        if not feeds:
            del self._feeds[feed.user_id]
        self._count -= 1
        if not self._count:
            self._live.leave(self)

    def now(self) -> dict[TopicPartition, int]:
        """The cut that holds all that feeds were given, and nothing that they were not. Raises LogUnavailable."""
        return {place: self._live.next_at(place) for place in self.places}

    def take(self, raw: RawRecord) -> None:
        owner = owner_of(raw)
        feeds = None if owner is None else self._feeds.get(owner)
        if feeds and (told := told_by(raw)) is not None:
            for feed in feeds:
                feed.take(told)

    def lose(self) -> None:
        """The tail broke, or the process ends: so do all feeds. Their readers come back."""
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.end()

    def end(self) -> None:
        """This process ends."""
        self._live.close()

    async def run(self) -> None:
        """Tail while anybody listens. Until cancelled."""
        await self._live.run()


def told_by(raw: RawRecord) -> Told | None:
    """What the record tells its owner; None: nothing."""
    changes = tuple(orjson.dumps(change) for change in changes_of(raw))
    return Told((raw.topic, raw.partition), raw.offset, raw.timestamp_ms, changes) if changes else None


def in_time(records: Iterable[Told]) -> list[Told]:
    """Oldest first, and of the same moment causes first; records of one partition stay in its order."""
    newest_ms: dict[TopicPartition, int] = {}
    keyed = []
    for told in sorted(records, key=lambda told: told.offset):
        newest_ms[told.place] = max(newest_ms.get(told.place, 0), told.at_ms)
        keyed.append(((newest_ms[told.place], TOPICS_TOLD.index(told.place[0]), told.offset), told))
    return [told for _, told in sorted(keyed, key=lambda pair: pair[0])]
