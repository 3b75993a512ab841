"""Epochs of topics: how a topic gets more partitions without a key ever changing its own. Pure.

A key lives in one partition, told by the number of partitions. So partitions are never added to those there are. They
begin a new epoch beside them: the topic's partitions 0 and 1 are epoch 0, and 2 to 5, say, are epoch 1. Writers use
the newest epoch. What stood in older ones stays where it is, at the same positions. Partition numbers grow with the
epochs, so a key's records in the order of (partition, offset) are in the order in which they were written.

Where an epoch begins is told by the broker: by the name of an empty topic, the seam's mark. Marks and partition counts
come in one answer, so all who ask know the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from schemas.envelope import Position
from topics.cuts import Cut, TopicPartition
from topics.partitioner import partition_for

_MARK = re.compile(r"(?P<topic>.+)\.epoch-(?P<epoch>[1-9][0-9]{0,3})\.from-(?P<first>[1-9][0-9]{0,5})")
MAX_EPOCHS = 4096
"""What positions as numbers (projections/order.py) have room for."""


class BadSeams(ValueError):
    """The marks of a topic's seams contradict each other or its partitions. The message says how, in one line."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Epoch `epoch` of `topic` begins with partition `first`."""

    topic: str
    epoch: int
    first: int

    @property
    def name(self) -> str:
        """The name of the topic that says so."""
        return f"{self.topic}.epoch-{self.epoch}.from-{self.first}"


def mark_of(name: str) -> Mark | None:
    """What the name of a topic says of another's seam; None for any other topic."""
    found = _MARK.fullmatch(name)
    return None if found is None else Mark(found["topic"], int(found["epoch"]), int(found["first"]))


def seams_of(topic: str, marks: Iterable[Mark], partitions: int) -> tuple[int, ...]:
    """The first partition of each epoch after 0, of a topic that has `partitions`.

    The mark of a seam at its end has no partition yet: growing was interrupted, and it counts when it was finished.
    Raises BadSeams.
    """
    found = sorted((mark.epoch, mark.first) for mark in marks if mark.topic == topic)
    seams = tuple(first for _, first in found)
    if [epoch for epoch, _ in found] != list(range(1, len(found) + 1)) or list(seams) != sorted(set(seams)):
        raise BadSeams(f"the marks of the epochs of {topic} contradict each other: {found}")
    if seams and seams[-1] > partitions:
        raise BadSeams(f"{topic} has {partitions} partitions, and a mark says that an epoch begins at {seams[-1]}")
    return seams[:-1] if seams and seams[-1] == partitions else seams


def marks_in(names: Iterable[str]) -> list[Mark]:
    """The marks among the names of topics."""
    return [mark for mark in map(mark_of, names) if mark is not None]


def without_marks(counts: Mapping[str, int]) -> dict[str, int]:
    """The topics that hold records: those that are no mark of another one there."""
    return {name: n for name, n in counts.items() if (mark := mark_of(name)) is None or mark.topic not in counts}


def layouts_of(counts: Mapping[str, int]) -> dict[str, Layout]:
    """The layouts of the topics that hold records. Raises BadSeams."""
    marks = marks_in(counts)
    return {name: Layout(n, seams_of(name, marks, n)) for name, n in without_marks(counts).items()}


def by_epoch(cut: Cut, layouts: Mapping[str, Layout]) -> list[Cut]:
    """A cut in parts, one an epoch, oldest first: read one after the other they keep every key's order."""
    parts: dict[int, dict[TopicPartition, int]] = {}
    for (topic, partition), offset in cut.items():
        epoch = layouts[topic].epoch_of(partition) if topic in layouts else 0
        parts.setdefault(epoch, {})[topic, partition] = offset
    return [parts[epoch] for epoch in sorted(parts)]


@dataclass(frozen=True, slots=True)
class Layout:
    """The partitions of a topic by their epochs. `seams`: the first partition of each epoch after 0."""

    partitions: int
    seams: tuple[int, ...] = ()
    first: int = field(init=False)
    """The first partition of the newest epoch, which is written to, and `width`: how many it has."""
    width: int = field(init=False)

    def __post_init__(self) -> None:
        first = self.seams[-1] if self.seams else 0
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "width", self.partitions - first)

    @property
    def epoch(self) -> int:
        """The newest epoch."""
        return len(self.seams)

    def epoch_of(self, partition: int) -> int:
        """The epoch of a partition."""
        return bisect_right(self.seams, partition)

    def position(self, partition: int, offset: int) -> Position:
        """A place in the topic, as records name it."""
        return Position(bisect_right(self.seams, partition), partition, offset)

    def spans(self) -> tuple[range, ...]:
        """The partitions of each epoch."""
        edges = (0, *self.seams, self.partitions)
        return tuple(range(first, end) for first, end in pairwise(edges))

    def partition(self, key: str) -> int:
        """Where a record with this key is written."""
        return self.first + partition_for(key, self.width)

    def partitions_of(self, key: str) -> tuple[int, ...]:
        """Where records with this key stand: one partition an epoch, in the order of the epochs."""
        return tuple(span.start + partition_for(key, len(span)) for span in self.spans())
