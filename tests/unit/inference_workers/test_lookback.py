"""Looking back: a slow partition holds up no other, and what one generation's records lead to is its own affair."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from inference_workers import lookback as module
from inference_workers.lookback import Lookback, Past
from schemas.codec import NewerRecord, encode
from schemas.envelope import Position
from schemas.generation import GenerationRecord, Turn
from schemas.registry import registered_schemas
from tests.generation_logs import TURN, chunk, ended, started
from tests.unit.inference_workers.memory_log import MemoryLog
from topics.catalogue import TOKEN_CHUNKS
from topics.generation_fold import GenerationFold

OTHER = replace(TURN, generation_id="other")
WAIT_S = 20.0


def turn_in(partition: int) -> Turn:
    return replace(TURN, tail=Position(0, partition, 0))


@contextmanager
def looking(log: MemoryLog) -> Iterator[Callable[[Callable[[Lookback], Awaitable[None]]], None]]:
    """A look-back that runs, for the length of a coroutine; in real threads."""

    def run(main: Callable[[Lookback], Awaitable[None]]) -> None:
        async def whole() -> None:
            lookback = Lookback({})
            running = asyncio.ensure_future(lookback.run())
            try:
                async with asyncio.timeout(WAIT_S):
                    await main(lookback)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        asyncio.run(whole())

    with log.installed():
        yield run


def write(log: MemoryLog, *records: GenerationRecord) -> None:
    for record in records:
        log.append(TOKEN_CHUNKS, b"conversation", encode(record))


def test_a_slow_partition_holds_up_no_other_and_is_scanned_once_for_all_who_wait() -> None:
    log, begun, go, scans = MemoryLog(), threading.Event(), threading.Event(), list[int]()
    write(log, started("a"), chunk("a", 1, "one"))

    def hook(partition: int) -> None:
        scans.append(partition)
        begun.set()
        if partition == 0 and not go.wait(WAIT_S):
            raise AssertionError

    log.scan_hook = hook

    async def main(lookback: Lookback) -> None:
        slow = [asyncio.ensure_future(lookback.past(turn_in(0)))]
        assert await asyncio.to_thread(begun.wait, WAIT_S)
        slow += [asyncio.ensure_future(lookback.past(turn_in(0))) for _ in range(5)]
        assert (await lookback.past(turn_in(1))).fold.text == "one"
        assert not any(each.done() for each in slow)
        go.set()
        assert [(await each).fold.text for each in slow] == ["one"] * 6

    with looking(log) as run:
        run(main)
    assert sorted(scans) == [0, 0, 1], "those who came later share a scan"


def test_what_one_fold_does_not_bear_fails_the_one_who_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    write(log, started("a"), chunk("a", 1, "bad"), replace(started("b"), turn=OTHER))
    write(log, replace(chunk("b", 1, "good"), generation_id="other"))

    class Fold(GenerationFold):
        def apply(self, record: GenerationRecord, position: Position | None = None) -> int | None:
            if getattr(record, "delta", "") == "bad":
                raise ZeroDivisionError
            return super().apply(record, position)

    monkeypatch.setattr(module, "Past", lambda turn: Past(turn, Fold()))

    async def main(lookback: Lookback) -> None:
        bad, good = await asyncio.gather(lookback.past(TURN), lookback.past(OTHER), return_exceptions=True)
        assert isinstance(bad, ZeroDivisionError)
        assert isinstance(good, Past)
        assert good.fold.text == "good"
        later = Past(TURN, Fold())
        with pytest.raises(ZeroDivisionError):
            await lookback.read_on(later, 4)
        assert (await lookback.past(OTHER)).fold.text == "good", "it goes on"

    with looking(log) as run:
        run(main)


@pytest.mark.parametrize("word", [False, True])
def test_a_newer_record_or_word_stops_the_look_back(word: bool) -> None:
    log = MemoryLog()
    write(log, started("a"))
    if word:
        write(log, replace(ended("a", 0, ""), finish_reason="paused"))  # type: ignore[arg-type]  # a newer release knows it
    else:
        newer = max(registered_schemas()) + 1
        log.append(TOKEN_CHUNKS, b"conversation", b"\x00" + newer.to_bytes(4, "big"))

    async def whole() -> None:
        lookback = Lookback({})
        async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(lookback.run())
            tasks.create_task(lookback.past(TURN))

    with log.installed(), pytest.raises(BaseExceptionGroup) as stopped:
        asyncio.run(whole())
    assert stopped.value.subgroup(NewerRecord) is not None


def test_a_newer_record_of_another_conversation_is_not_looked_at() -> None:
    log = MemoryLog()
    newer = max(registered_schemas()) + 1
    log.append(TOKEN_CHUNKS, b"another", b"\x00" + newer.to_bytes(4, "big"))
    write(log, started("a"), chunk("a", 1, "one"))

    async def main(lookback: Lookback) -> None:
        assert (await lookback.past(TURN)).fold.text == "one"

    with looking(log) as run:
        run(main)
