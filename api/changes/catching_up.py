"""Reads the changes between a reader's position and now from the log: one read for all who wait for one.

When a process begins again, all its readers come back within moments, each a little behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from api.changes.hub import MAX_HELD, Told, told_by
from api.changes.telling import TOPICS_TOLD, owner_of
from api.conversations.ports import History, PastOutOfReach
from infra.clock import monotonic_s
from projections.replay.looking_back import Check, LogSource
from projections.replay.spooling import close
from topics.catalogue import Catalogue
from topics.cuts import BadCut, Cut, TopicPartition, checked_cut
from topics.errors import LogError
from topics.log import RawRecord

MAX_BEHIND = 20_000
"""So many records may lie between a position and now: for whom more do, lists are read sooner than the log."""
PIECE_S = 1.0
MAX_WAITING = 1000


@dataclass(eq=False, slots=True)
class Wanted:
    """What one reader lacks: a user's changes from one cut to another.

    `found`: those read so far, each with its place. `reached`: up to where. `out_of_reach`: it cannot be read.
    """

    user_id: str
    start: Cut
    stop: Cut
    found: list[Told] = field(default_factory=list)
    reached: dict[TopicPartition, int] = field(default_factory=dict)
    changes: int = 0
    out_of_reach: bool = False
    done: bool = False

    @property
    def whole(self) -> bool:
        return all(self.reached.get(place, 0) >= until for place, until in self.stop.items())


class CatchingUp:
    """All readers of this process that are behind."""

    def __init__(self, topics: Catalogue, history: History) -> None:
        self._counts = {str(topic): topics[topic].partitions for topic in TOPICS_TOLD}
        self._history = history
        self._waiting: list[Wanted] = []
        self._reading = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    async def read(self, wanted: Wanted) -> None:
        """Read on from `wanted.start` as far as there is time, or find that it is out of reach."""
        if len(self._waiting) >= MAX_WAITING:
            wanted.out_of_reach = True
            return
        self._waiting.append(wanted)
        try:
            async with self._reading:
                if not wanted.done:
                    await self._read_all()
        finally:
            if not wanted.done:
                self._waiting.remove(wanted)

    async def _read_all(self) -> None:
        batch = tuple(self._waiting)
        try:
            await self._history.look(lambda log, check: _read(log, check, self._counts, batch))
        except (LogError, PastOutOfReach):
            for wanted in batch:
                wanted.out_of_reach = True
        for wanted in batch:
            wanted.done = True
            if wanted in self._waiting:  # its reader has not left meanwhile
                self._waiting.remove(wanted)


def _read(log: LogSource, check: Check, counts: dict[str, int], batch: Sequence[Wanted]) -> None:
    """Blocking. Raises LogError; and as `check`."""
    held, end = log.held(counts)
    for wanted in batch:
        _begin(wanted, held, end)
    able = [wanted for wanted in batch if not wanted.out_of_reach]
    if not able:
        return
    start = {place: min(wanted.reached[place] for wanted in able) for place in end}
    stop = {place: max(wanted.stop.get(place, 0) for wanted in able) for place in end}
    by_user: dict[str, list[Wanted]] = {}
    for wanted in able:
        by_user.setdefault(wanted.user_id, []).append(wanted)
    until_s = monotonic_s() + PIECE_S
    reached, whole = dict(start), True
    batches = log.read(start, stop)
    try:
        for records in batches:
            for raw in records:
                reached[raw.topic, raw.partition] = raw.offset + 1
                _tell(raw, by_user)
            check(0)
            if monotonic_s() > until_s:
                whole = False
                break
    finally:
        close(batches)
    for wanted in able:
        for place, until in wanted.stop.items():
            came = until if whole else min(reached[place], until)
            wanted.reached[place] = max(wanted.reached[place], came)


def _begin(wanted: Wanted, held: Cut, end: Cut) -> None:
    """Where reading begins; of a partition that the position leaves out, at the first record that is held."""
    try:
        given = checked_cut(wanted.start, held, end)
    except BadCut:
        wanted.out_of_reach = True
        return
    wanted.reached = {place: given.get(place, held[place]) for place in end}
    behind = sum(max(until - wanted.reached[place], 0) for place, until in wanted.stop.items())
    wanted.out_of_reach = behind > MAX_BEHIND


def _tell(raw: RawRecord, by_user: dict[str, list[Wanted]]) -> None:
    owner = owner_of(raw)
    if owner is None or owner not in by_user:
        return
    told = told_by(raw)
    if told is None:
        return
    for wanted in by_user[owner]:
        if wanted.reached[told.place] <= raw.offset < wanted.stop.get(told.place, 0):
            wanted.found.append(told)
            wanted.changes += len(told.changes)
            wanted.out_of_reach = wanted.out_of_reach or wanted.changes > MAX_HELD
