"""The description of a topic: name, record types, key, retention, writer."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from schemas.envelope import Position
from topics.epochs import Layout

ONE_MIB = 1024 * 1024
EIGHT_MIB = 8 * ONE_MIB
DAY_MS = 24 * 60 * 60 * 1000
FOR_EVER_MS = -1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. `retention_ms` -1 keeps for ever; times are the broker's (LogAppendTime).

    `partitions` are those of all epochs; `seams`: the first one of each epoch after 0 (topics/epochs.py).
    """

    name: str
    key: str
    record_types: tuple[type, ...]
    partitions: int
    retention_ms: int
    written_by: str
    max_record_bytes: int = ONE_MIB
    seams: tuple[int, ...] = ()
    layout: Layout = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", Layout(self.partitions, self.seams))

    @property
    def epoch(self) -> int:
        """The newest epoch."""
        return self.layout.epoch

    def position(self, partition: int, offset: int) -> Position:
        """A place in this topic, as records name it."""
        return Position(bisect_right(self.seams, partition), partition, offset)

    @property
    def config(self) -> dict[str, str]:
        """The broker-side settings this topic must have."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_record_bytes),
        }
