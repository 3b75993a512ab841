"""How far a consumer is in its partitions, and which of them make no progress. Pure: the time is given."""

from __future__ import annotations

from dataclasses import dataclass, field

Place = tuple[str, int]
"""A topic and a partition."""

Offsets = dict[Place, int | None]
"""Where to read on by partition; None: at the beginning."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one partition: the log's end, and up to where (excluded) records were read, acknowledged and committed."""

    end: int
    read: int
    acknowledged: int
    committed: int


@dataclass(slots=True)
class _Watched:
    progress: Progress
    since_s: float


@dataclass(slots=True)
class Stuck:
    """Tells which partitions have work and made no progress for `limit_s`."""

    limit_s: float
    _watched: dict[Place, _Watched] = field(default_factory=dict)

    def look(self, seen: dict[Place, Progress], busy: bool, now_s: float) -> list[str]:
        """One line a partition that is stuck. `busy`: a handler is at work, so nothing more need be read."""
        found = []
        watched = {}
        for place, progress in seen.items():
            before = self._watched.get(place)
            moved = before is None or (progress.read, progress.committed) != (
                before.progress.read,
                before.progress.committed,
            )
            unread = progress.end > progress.read and not busy
            uncommitted = progress.acknowledged > progress.committed
            if before is None or moved or not (unread or uncommitted):
                watched[place] = _Watched(progress, now_s)
                continue
            watched[place] = _Watched(progress, before.since_s)
            if now_s - before.since_s > self.limit_s:
                what = f"read to {progress.read} of {progress.end}" if unread else "commits do not follow"
                found.append(f"{place[0]}[{place[1]}]: {what}")
        self._watched = watched
        return found
