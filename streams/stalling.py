"""Notices a group member that gets nothing although its partitions hold more: a client that silently stopped reading.

The agents have the same watch in streams.faust.health. Here it costs nothing while records come: the broker is asked
only after a quiet while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from confluent_kafka import KafkaException, TopicPartition

from infra.clock import monotonic_s
from streams.progress import Place, Progress, Stuck
from topics.errors import FatalLogError, LogUnavailable

LOOK_S = 10.0
"""How often a quiet member asks how far its partitions go."""
STALLED_S = 30.0
"""How long records may lie there unread."""
AWAY_S = 60.0
"""How long a member that lost its partitions may be without any answer from the group."""
ANSWER_S = 1.0


class Ends(Protocol):
    """What is asked of the client. Raises KafkaException where the broker does not answer."""

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]: ...


class Positions(Protocol):
    """What is asked of the reader: topics.group_reader.GroupReader is one."""

    def assigned(self) -> frozenset[Place]: ...

    def committed(self, places: Iterable[Place]) -> dict[Place, int | None]:
        """Raises LogUnavailable."""


class StallWatch:
    """Called by the thread that polls. `quiet` raises FatalLogError once the member has stalled: a new process mends
    what this one's client cannot."""

    def __init__(self, clock: Callable[[], float] = monotonic_s) -> None:
        self._clock = clock
        self._read: dict[Place, int] = {}
        self._lost_at_s: float | None = None
        self._begin_again()

    def read(self, topic: str, partition: int, offset: int) -> None:
        """A record came."""
        self._read[topic, partition] = offset + 1

    def came(self, places: Iterable[Place]) -> None:
        """The group answered, with these partitions or with none."""
        self._lost_at_s = None
        self._forget(places)

    def went(self, places: Iterable[Place]) -> None:
        """Partitions are another member's, as the group said."""
        self._forget(places)

    def lost(self, places: Iterable[Place]) -> None:
        """The member is out of its group, and joins again by itself."""
        self._lost_at_s = self._clock()
        self._forget(places)

    def busy(self) -> None:
        """Records came: nothing is quiet."""
        self._look_at_s = self._clock() + LOOK_S

    def quiet(self, reader: Positions, client: Ends) -> None:
        """A poll brought nothing. Raises FatalLogError."""
        now_s = self._clock()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_S
        if self._lost_at_s is not None and now_s - self._lost_at_s > AWAY_S:
            raise FatalLogError(f"this member lost its partitions, and the group gave it none for {AWAY_S:.0f} s")
        try:
            seen = self._progress(reader, client)
        except (LogUnavailable, KafkaException):
            return  # the broker is away: that mends itself
        if complaints := self._stuck.look(seen, False, now_s):
            raise FatalLogError(f"the log holds more, and nothing comes: {'; '.join(complaints)}")

    def _progress(self, reader: Positions, client: Ends) -> dict[Place, Progress]:
        places = reader.assigned()
        for place, offset in reader.committed(places - self._read.keys()).items():
            if offset is not None:
                self._read[place] = offset
        seen = {}
        for topic, partition in sorted(places):
            low, end = client.get_watermark_offsets(TopicPartition(topic, partition), ANSWER_S)
            seen[topic, partition] = Progress(end, max(self._read.get((topic, partition), low), low), 0, 0)
        return seen

    def _forget(self, places: Iterable[Place]) -> None:
        for place in places:
            self._read.pop(place, None)
        self._begin_again()

    def _begin_again(self) -> None:
        self._stuck = Stuck(STALLED_S)
        self._look_at_s = self._clock() + LOOK_S
