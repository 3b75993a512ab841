"""What a topic is: its name, what may stand in it, by which key, how long, and who writes it."""

from __future__ import annotations

from dataclasses import dataclass

ONE_MIB = 1024 * 1024
EIGHT_MIB = 8 * ONE_MIB
DAY_MS = 24 * 60 * 60 * 1000
FOR_EVER_MS = -1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. `retention_ms` -1 keeps for ever; times are the broker's (LogAppendTime).

    `epoch` counts re-creations: partition counts never change, growing means a new epoch and a replay.
    """

    name: str
    key: str
    record_types: tuple[type, ...]
    partitions: int
    retention_ms: int
    written_by: str
    max_record_bytes: int = ONE_MIB
    epoch: int = 0

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
