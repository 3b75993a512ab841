"""A process reads account-events from what the tables do not show yet, and lets nobody in before it has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from api.access.account_tail import READ_FROM, begin, beginnings
from topics.catalogue import ACCOUNT_EVENTS
from topics.errors import LogUnavailable

PLACE = (ACCOUNT_EVENTS, 0)


@pytest.mark.parametrize(
    ("shown", "begins"),
    [
        ([{PLACE: 90}, {PLACE: 70}, {PLACE: 100}], 70),
        ([{PLACE: 100}, {PLACE: 100}], 100),
        ([{PLACE: 90}, {}], 10),
        ([{PLACE: 3}], 10),
        ([{PLACE: 130}], 100),
        ([], 100),
    ],
)
def test_it_begins_at_what_some_table_does_not_show(shown: list[Mapping[tuple[str, int], int]], begins: int) -> None:
    assert beginnings({0: (10, 100)}, shown) == {0: begins}
    assert beginnings({}, shown) == {}


@dataclass
class Tables:
    marks: Mapping[str, int]

    async def watermarks(self, projection: str) -> Mapping[tuple[str, int], int]:
        return {PLACE: self.marks[projection]}


@dataclass
class StillTail:
    """A tail that reads on when it is told to."""

    at: int = -1
    began: dict[int, int] = field(default_factory=dict)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, partitions: list[int], *, from_offsets: Mapping[int, int] | None = None) -> None:
        self.began = dict(from_offsets or {})
        self.at = self.began[0]
        self.started.set()

    def position(self, partition: int) -> int:
        return self.at


async def test_it_is_begun_when_the_log_was_read() -> None:
    tail, tables = StillTail(), Tables({name: 40 + nth for nth, name in enumerate(READ_FROM)})
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        beginning = tasks.create_task(begin(tail, tables, {0: (0, 50)}))
        await tail.started.wait()
        assert tail.began == {0: 40}
        tail.at = 49
        await asyncio.sleep(0.1)
        assert not beginning.done()
        tail.at = 50


async def test_a_log_that_is_not_read_in_time_lets_nobody_in() -> None:
    with pytest.raises(LogUnavailable, match="account-events was not read to its end"):
        await begin(StillTail(), Tables(dict.fromkeys(READ_FROM, 0)), {0: (0, 50)}, within_s=0.05)
