"""A log in memory and readers of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from tests.fakes.broker import MemoryBroker, Place
from tests.fakes.consumer import MemoryConsumer
from topics.catalogue import Catalogue
from topics.group_reader import GroupReader, Offsets
from topics.spec import DAY_MS, TopicSpec

TOPIC, GROUP = "jobs", "readers"
P0, P1 = (TOPIC, 0), (TOPIC, 1)
MOST = 3


def memory_log(records: int = 0) -> MemoryBroker:
    """One topic of two partitions, with so many records in each."""
    broker = MemoryBroker(Catalogue({TOPIC: TopicSpec(TOPIC, "any", (), 2, DAY_MS, "tests")}), lambda: 1)
    for _ in range(records):
        for place in (P0, P1):
            append(broker, place)
    return broker


def append(broker: MemoryBroker, place: Place) -> None:
    broker.append(*place, b"key", b"%d" % broker.end(*place))


def at(message: Message) -> tuple[int, int]:
    """Partition and offset of a record."""
    return message.partition() or 0, message.offset() or 0


@dataclass
class Noted:
    """A listener that notes what it is told; a member of one group."""

    broker: MemoryBroker
    instance: str | None = None
    eager: bool = False
    begins_at: Offsets | None = None
    told: list[str] = field(default_factory=list)
    read: list[tuple[int, int]] = field(default_factory=list)
    torn: int = 0
    """Batches of an older epoch than the reader's."""
    wants: dict[Place, int] = field(default_factory=dict)
    """Wanted committed when partitions go, and at the end."""
    commits: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = GroupReader(self._open, [TOPIC], self, self, most=MOST, poll_s=0.0)

    def _open(self, on_commit: Any) -> Any:
        self.consumer = MemoryConsumer(self.broker, GROUP, on_commit, instance=self.instance, eager=self.eager)
        return self.consumer

    def commit(self, *, taken: bool) -> None:
        self.commits.append(taken)

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.reader.turn()

    def has_read(self) -> bool:
        """Whether it has read anything after one more turn."""
        self.reader.turn()
        return bool(self.read)

    def committed(self, place: Place) -> int | None:
        return self.broker.committed(GROUP, place)

    def on_polled(self, epoch: int, batch: list[Message]) -> None:
        self.torn += epoch != self.reader.epoch
        self.read += map(at, batch)

    def on_assigned(self, places: list[Place]) -> Offsets | None:
        self.told.append(f"assigned {[partition for _, partition in places]}")
        return self.begins_at

    def on_revoked(self, places: list[Place]) -> None:
        self.told.append(f"revoked {[partition for _, partition in places]}")
        self.reader.commits.want({place: self.wants[place] for place in places if place in self.wants})

    def on_lost(self, places: list[Place]) -> None:
        self.told.append(f"lost {[partition for _, partition in places]}")
        self.reader.commits.want({place: self.wants[place] for place in places if place in self.wants})

    def on_stopping(self) -> None:
        self.told.append("stopping")
        self.reader.commits.want(self.wants)

    def on_failed(self, error: Exception) -> None:
        self.told.append(f"failed: {error}")
