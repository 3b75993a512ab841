"""Temporary conversations end an hour after their last turn, whoever is restarted when, and however many look."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas import ids
from schemas.conversation import ConversationDeleted
from streams.conversation import leaving
from streams.conversation.leaving import EndingTemporaries
from streams.conversation.passing import DAY_US, PASSING, UNUSED_S, end_of, is_over
from tests.eventually import eventually
from tests.fakes.history import HistoryAway, MemoryHistory, Passing
from topics.catalogue import CONVERSATION_EVENTS

NOW_US = 20_400 * DAY_US + 5_000_000_000
HOUR_US = 3_600_000_000


class Sent:
    """A producer that notes what is sent."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    async def send(self, topic: str, key: str, record: Any) -> None:
        assert (topic, key) == (CONVERSATION_EVENTS, record.conversation_id)
        self.records.append(record)

    @property
    def ended(self) -> list[str]:
        return [record.conversation_id for record in self.records]


class World:
    def __init__(self, **used_before_s: int) -> None:
        """Conversations by name: how many seconds ago each was used; all began on that day."""
        self.sent = Sent()
        self.history = MemoryHistory()
        for name, before_s in used_before_s.items():
            used_us = NOW_US - before_s * 1_000_000
            self.history.passing[name] = Passing(name, "u", used_us, used_us // DAY_US)
        self.ending = self.started()

    def started(self) -> EndingTemporaries:
        return EndingTemporaries(self.sent, self.history, (HistoryAway,))  # type: ignore[arg-type]  # it sends


def test_the_rule() -> None:
    used = Passing("c", "u", NOW_US, 0)
    assert not is_over(used, NOW_US + UNUSED_S * 1_000_000 - 1)
    assert is_over(used, NOW_US + UNUSED_S * 1_000_000)
    ended = end_of(used)
    assert (ended.conversation_id, ended.user_id, ended.envelope.actor) == ("c", "u", PASSING)
    assert ended.envelope.event_id == ids.event_id("c", "ConversationDeleted"), "as when its user leaves it"
    assert ended == end_of(used), "whoever looks writes the same"


async def test_what_is_unused_for_an_hour_is_ended_and_the_rest_stays() -> None:
    world = World(a=3599, b=3600, c=7200, d=10, e=4000)
    await world.ending.look(NOW_US)
    assert sorted(world.sent.ended) == ["b", "c", "e"]
    assert all(isinstance(record, ConversationDeleted) for record in world.sent.records)


async def test_what_was_ended_is_not_read_for_ever() -> None:
    world = World(a=4000)
    await world.ending.look(NOW_US)
    world.history.gone.add("a")
    for _ in range(3):
        await world.ending.look(NOW_US)
    world.history.reads.clear()
    await world.ending.look(NOW_US)
    assert [read for read in world.history.reads if read[0] == "temporary"] == []
    assert world.sent.ended == ["a"]


async def test_a_row_that_comes_late_is_not_taken_for_one_that_is_gone() -> None:
    world = World(a=10)
    world.history.gone.add("a")
    await world.ending.look(NOW_US)
    world.history.gone.clear()
    await world.ending.look(NOW_US + HOUR_US)
    assert world.sent.ended == ["a"]


async def test_after_a_stop_of_weeks_what_was_open_is_ended() -> None:
    world = World(long_ago=30 * 86_400, used_lately=10)
    await world.started().look(NOW_US)
    assert world.sent.ended == ["long_ago"]


async def test_no_look_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "MAX_LOOKED_AT", 2)
    world = World(a=10, b=20, c=30, d=4000, e=4000)
    for known in ([], ["d"], ["d", "e"]):
        await world.ending.look(NOW_US)
        assert world.sent.ended == known
    await world.ending.look(NOW_US + HOUR_US)
    assert world.sent.ended[2:] == ["a", "b"], "it begins anew where all were looked at"


async def test_a_look_that_breaks_off_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it took too long or one conversation cannot be read: those behind it are not left for ever."""
    world = World(a=4000, b=4000, c=4000)
    whole = world.history.temporary

    async def broken(conversation_id: str) -> Passing | None:
        if conversation_id == "b":
            raise TimeoutError
        return await whole(conversation_id)

    monkeypatch.setattr(world.history, "temporary", broken)
    with pytest.raises(TimeoutError):
        await world.ending.look(NOW_US)
    assert world.sent.ended == ["a"]
    await world.ending.look(NOW_US)
    assert world.sent.ended == ["a", "c"]
    monkeypatch.undo()
    await world.ending.look(NOW_US)
    assert "b" in world.sent.ended, "it begins anew where all were looked at"


async def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(leaving, "now_us", lambda: NOW_US)
    world = World(a=4000)
    world.history.away = 2
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(world.ending.run())
        ended: bool = await eventually(lambda: "a" in world.sent.ended)
        assert ended
        task.cancel()


async def test_whatever_a_look_meets_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(leaving, "now_us", lambda: NOW_US)
    world = World(a=4000)
    refusals = [RuntimeError("no such table")]

    async def begun(day: int, after: str) -> list[str]:
        if refusals:
            raise refusals.pop()
        return ["a"] if not after else []

    monkeypatch.setattr(world.history, "temporaries_begun", begun)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(world.ending.run())
        ended: bool = await eventually(lambda: "a" in world.sent.ended)
        assert ended
        task.cancel()
