"""What threads have reaches the loop: in order, with few wake-ups, and never more ahead of it than is allowed."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime import bridge
from infra.runtime.bridge import Burst, HandOver, LoopCalls, NotDone
from tests.eventually import eventually


class Loop:
    """A loop whose turns the test takes."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.closed = False

    def call_soon_threadsafe(self, call: Callable[..., Any], *arguments: Any) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.calls.append((call, arguments))

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call, arguments in calls:
            call(*arguments)


def burst(loop: Loop) -> tuple[Burst[int], list[int]]:
    taken: list[int] = []

    def take(items: deque[int]) -> None:
        while items:
            taken.append(items.popleft())

    made: Burst[int] = Burst(take)
    made.bind(loop)  # type: ignore[arg-type]  # a loop in small
    return made, taken


@given(st.lists(st.sampled_from(["add", "wake", "turn"]), max_size=60))
def test_all_that_comes_is_taken_in_order_with_at_most_one_wake_up_under_way(steps: list[str]) -> None:
    loop = Loop()
    made, taken = burst(loop)
    count = 0
    for step in steps:
        if step == "add":
            made.add(count)
            count += 1
        elif step == "wake":
            assert made.wake()
        else:
            loop.turn()
        assert len(loop.calls) <= 1
        assert taken == list(range(len(taken)))
    made.wake()
    loop.turn()
    assert taken == list(range(count))


def test_nothing_to_take_wakes_nobody() -> None:
    loop = Loop()
    made, _ = burst(loop)
    assert made.wake()
    assert loop.calls == []


def test_a_closed_loop_is_said() -> None:
    loop = Loop()
    made, _ = burst(loop)
    loop.closed = True
    made.add(1)
    assert not made.wake()


async def test_answers_of_many_threads_all_arrive() -> None:
    taken: list[int] = []

    def take(items: deque[int]) -> None:
        while items:
            taken.append(items.popleft())

    made: Burst[int] = Burst(take)
    made.bind(asyncio.get_running_loop())

    def answer(base: int) -> None:
        for number in range(500):
            made.add(base + number)
            made.wake()

    threads = [threading.Thread(target=answer, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    await eventually(lambda: len(taken) == 2000)
    for thread in threads:
        thread.join()
    for n in range(4):
        assert [item for item in taken if item // 1000 == n] == [1000 * n + number for number in range(500)]


async def test_a_reader_is_never_further_ahead_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "LOOK_S", 0.01)
    taken: list[int] = []
    waited = threading.Event()
    put: list[int] = []
    hand_over = HandOver(asyncio.get_running_loop(), taken.append, most=2)

    def read() -> None:
        for number in range(20):
            assert hand_over.put(number, stop=threading.Event(), waited=waited.set)
            put.append(number)

    thread = threading.Thread(target=read)
    thread.start()
    waited.wait(5)  # the loop stands still meanwhile
    assert len(put) == 2 and taken == []
    await eventually(lambda: taken == list(range(20)))
    thread.join()


def test_a_reader_that_is_told_to_stop_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "LOOK_S", 0.01)
    loop, stop = Loop(), threading.Event()
    hand_over: HandOver[int] = HandOver(loop, print, most=1)  # type: ignore[arg-type]  # a loop in small
    assert hand_over.put(1, stop=stop, waited=stop.set)
    assert not hand_over.put(2, stop=stop, waited=stop.set)
    loop.closed = True
    other: HandOver[int] = HandOver(loop, print, most=1)  # type: ignore[arg-type]  # a loop in small
    assert not other.put(3, stop=stop, waited=stop.set)


async def test_what_is_held_is_ahead_until_it_is_freed() -> None:
    taken: list[int] = []
    hand_over = HandOver(asyncio.get_running_loop(), taken.append, most=1, held=True)
    assert hand_over.has_room(0) and hand_over.give(1)
    await eventually(lambda: taken == [1])
    assert not hand_over.has_room(0)
    hand_over.free()
    assert hand_over.has_room(0)


def test_a_closed_loop_hears_nothing_and_answers_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    calls = LoopCalls(loop)
    calls.tell(print, 1)
    with pytest.raises(NotDone, match="closed"):
        calls.ask(lambda: asyncio.sleep(0), within_s=1)


async def test_a_thread_is_told_what_the_loop_answers() -> None:
    calls, meanwhile = LoopCalls(asyncio.get_running_loop()), threading.Event()
    told: list[int] = []

    async def answer() -> int:
        await eventually(meanwhile.is_set)
        return 7

    async def fail() -> int:
        raise ValueError("no")

    def ask() -> int:
        calls.tell(told.append, 1)
        return calls.ask(answer, within_s=30, meanwhile=meanwhile.set)

    assert await asyncio.to_thread(ask) == 7
    assert told == [1]
    with pytest.raises(ValueError, match="no"):
        await asyncio.to_thread(lambda: calls.ask(fail, within_s=30))


async def test_a_thread_waits_no_longer_than_it_wants_for_an_answer() -> None:
    calls, stop = LoopCalls(asyncio.get_running_loop()), threading.Event()
    went_on: list[bool] = []
    go_on = asyncio.Event()

    async def answer() -> None:
        await go_on.wait()
        went_on.append(True)

    with pytest.raises(NotDone, match="did not do it"):
        await asyncio.to_thread(lambda: calls.ask(answer, within_s=0.05))
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    with pytest.raises(NotDone, match="stopping"):
        await asyncio.to_thread(lambda: calls.ask(answer, within_s=30, meanwhile=stop.set, stop=stop))
    go_on.set()
    await eventually(lambda: went_on == [True])
