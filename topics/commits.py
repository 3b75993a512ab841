"""Finds the offset that may be committed when work finishes in any order. Pure.

A partition's commit never passes an unfinished offset, and belongs to one assignment epoch: Kafka checks neither, so
what was received under an older epoch is never committed (research "takeover" §8.5).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Partition:
    epoch: int
    received: deque[int] = field(default_factory=deque)
    """Offsets from the commit on, in order."""
    unfinished: set[int] = field(default_factory=set)
    newest: int = -1


class CommitTracker:
    """Contiguous commits over several partitions of one or more topics."""

    def __init__(self) -> None:
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """The present assignment epoch."""
        return self._epoch

    def assigned(self, partitions: list[tuple[str, int]]) -> int:
        """Partitions were gained; returns the new epoch."""
        self._epoch += 1
        for partition in partitions:
            self._partitions[partition] = _Partition(self._epoch)
        return self._epoch

    def lost(self, partitions: list[tuple[str, int]]) -> int:
        """Partitions were revoked or lost; returns the new epoch."""
        self._epoch += 1
        for partition in partitions:
            self._partitions.pop(partition, None)
        return self._epoch

    def received(self, topic: str, partition: int, offset: int) -> int | None:
        """A record came; returns the epoch its result must be reported under, None if the partition is not ours.

        One that came before under this epoch (a seek back) changes nothing: a commit never goes backwards.
        """
        state = self._partitions.get((topic, partition))
        if state is None:
            return None
        if offset > state.newest:
            state.newest = offset
            state.received.append(offset)
            state.unfinished.add(offset)
        return state.epoch

    def finished(self, topic: str, partition: int, offset: int, epoch: int) -> None:
        """Work on a record is done. A result from an older epoch, or of what was never received, is forgotten."""
        state = self._partitions.get((topic, partition))
        if state is not None and state.epoch == epoch:
            state.unfinished.discard(offset)

    def unfinished(self, topic: str, partition: int) -> int:
        """How many records stand between the commit and the newest one received."""
        state = self._partitions.get((topic, partition))
        return 0 if state is None else len(state.received)

    def committable(self) -> dict[tuple[str, int], int]:
        """Per partition the offset to commit (the next to be read), where it has moved since the last call."""
        moved = {}
        for key, state in self._partitions.items():
            done: int | None = None
            while state.received and state.received[0] not in state.unfinished:
                done = state.received.popleft()
            if done is not None:
                moved[key] = done + 1
        return moved
