"""One attempt's way into the log: order, bursts, and what a refusal does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast
from unittest.mock import patch

import pytest
from confluent_kafka import KafkaError
from prometheus_client import REGISTRY

from inference_workers.publishing import MAX_CHUNK_CHARS, AttemptWriter, Outlet
from inference_workers.ticking import MAX_TICK_S, Tempo
from schemas.codec import decode
from schemas.generation import AttemptEnded, AttemptStarted, TokenChunk
from schemas.price import Usage
from tests.eventually import eventually
from tests.generation_logs import TURN, started
from topics.catalogue import catalogue
from topics.errors import LogError, LogUnavailable
from topics.generation_fold import GenerationFold
from topics.producer import Acknowledged, LogProducer


class Log:
    """What two producers were given, in one order; acknowledges on demand."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.by: list[str] = []
        self.unacknowledged: list[Acknowledged] = []
        self.full = False

    def producer(self, name: str) -> LogProducer:
        log = self

        class Fake:
            def fire(self, topic: str, key: str, value: bytes, acknowledged: Acknowledged, headers: object) -> None:
                assert (headers is None) == isinstance(decode(value), TokenChunk | AttemptEnded)
                if log.full:
                    raise LogUnavailable("the queue to the broker is full")
                assert (topic, key) == ("token-chunks", TURN.conversation_id)
                log.records.append(decode(value))
                log.by.append(name)
                log.unacknowledged.append(acknowledged)

        return cast(LogProducer, Fake())

    def acknowledge(self, error: KafkaError | None = None) -> None:
        """Answer everything that is under way now."""
        answered, self.unacknowledged = self.unacknowledged, []
        first = len(self.records) - len(answered)
        for number, acknowledged in enumerate(answered):
            acknowledged(error, first + number)

    @property
    def deltas(self) -> list[str]:
        return [str(record.delta) for record in self.records if isinstance(record, TokenChunk)]


async def turn_of_the_loop() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class SetTempo(Tempo):
    """As the test sets it, whatever the load."""

    def __init__(self) -> None:
        super().__init__(0)
        self.tick_after_s = 0.0

    def left(self, speakers: Iterable[str], tokens: int, streams: int, now_s: float) -> bool:
        return False

    def next_s(self, now_s: float) -> float:
        return now_s + self.tick_after_s

    def set(self, tick_s: float) -> None:
        self.tick_s = self.tick_after_s = tick_s


class Desk:
    """A log, and writers of attempts on it."""

    def __init__(self) -> None:
        self.log = Log()
        self.tempo = SetTempo()
        with patch("inference_workers.publishing.Tempo", lambda now_s: self.tempo):
            self.outlet = Outlet(self.log.producer("calm"), self.log.producer("busy"), catalogue())
        self.broken: list[LogError] = []

    async def begun(self, attempt: str = "a") -> AttemptWriter:
        writer = AttemptWriter(self.outlet, TURN, attempt, self.broken.append)
        start = writer.begin(started(attempt), open_when_acknowledged=True)
        await turn_of_the_loop()
        self.log.acknowledge()
        assert await start == len(self.log.records) - 1
        return writer


async def test_no_chunk_before_the_start_is_acknowledged() -> None:
    desk = Desk()
    writer = AttemptWriter(desk.outlet, TURN, "a", desk.broken.append)
    writer.begin(started("a"), open_when_acknowledged=True)
    writer.put("one", 1)
    await turn_of_the_loop()
    writer.put(" two", 1)
    await turn_of_the_loop()
    assert [type(record) for record in desk.log.records] == [AttemptStarted]
    desk.log.acknowledge()
    await turn_of_the_loop()
    assert desk.log.deltas == ["one two"]


async def test_calm_tokens_leave_one_by_one_without_linger() -> None:
    desk = Desk()
    writer = await desk.begun()
    for text in ("a", "b", "c"):
        writer.put(text, 1)
        await turn_of_the_loop()
        desk.log.acknowledge()
    assert desk.log.deltas == ["a", "b", "c"]
    assert set(desk.log.by) == {"calm"}


async def test_busy_tokens_gather_until_the_acknowledgement() -> None:
    desk = Desk()
    writer, other = await desk.begun(), await desk.begun("b")
    for text in ("a", "b", "c"):
        writer.put(text, 1)
        await turn_of_the_loop()
    other.put("x", 1)
    assert desk.log.deltas == ["a"]
    desk.log.acknowledge()
    await turn_of_the_loop()
    assert desk.log.deltas == ["a", "bc", "x"]
    assert desk.log.by[-2:] == ["busy", "busy"]


FAR_S = 600.0
"""A tick that no test waits for."""
SOON_S = 0.01


async def test_with_a_tick_the_first_token_and_the_end_leave_at_once_and_take_along_what_waits() -> None:
    desk = Desk()
    desk.tempo.set(FAR_S)
    writer = await desk.begun()
    writer.put("a", 1)
    await turn_of_the_loop()
    assert desk.log.deltas == ["a"]
    desk.log.acknowledge()
    writer.put("b", 1)
    await turn_of_the_loop()
    writer.put("c", 1)
    await turn_of_the_loop()
    assert desk.log.deltas == ["a"]
    other = await desk.begun("b")  # its start is urgent
    assert desk.log.deltas == ["a", "bc"]
    other.put("x", 1)
    await turn_of_the_loop()
    desk.log.acknowledge()
    assert desk.log.deltas == ["a", "bc", "x"]
    writer.put("d", 1)
    end = writer.end("stop", Usage(1, 4))
    await turn_of_the_loop()
    desk.log.acknowledge()
    await end
    assert desk.log.deltas == ["a", "bc", "x", "d"]
    assert isinstance(desk.log.records[-1], AttemptEnded)


async def test_an_end_hurries_the_text_that_waits_for_a_tick() -> None:
    desk = Desk()
    desk.tempo.set(FAR_S)
    writer = await desk.begun()
    writer.put("a", 1)
    await turn_of_the_loop()
    desk.log.acknowledge()
    writer.put("b", 1)
    await turn_of_the_loop()  # it waits for the tick
    end = writer.end("stop", Usage(1, 2))
    await turn_of_the_loop()
    desk.log.acknowledge()
    await end
    assert desk.log.deltas == ["a", "b"]


async def test_what_waited_for_a_tick_leaves_together() -> None:
    desk = Desk()
    desk.tempo.set(FAR_S)  # the tick comes when the test says so: a slow host may take longer than a near one
    writers = [await desk.begun(name) for name in "abc"]
    for writer in writers:
        writer.put("1", 1)
        await turn_of_the_loop()
        desk.log.acknowledge()
    bursts = len(desk.log.by)
    for writer in writers:
        writer.put("2", 1)
        await turn_of_the_loop()
    assert desk.outlet.waits and len(desk.log.by) == bursts
    desk.outlet._tick()
    assert desk.log.deltas[-3:] == ["2", "2", "2"]
    assert desk.log.by[-3:] == ["busy", "busy", "busy"]


async def test_a_tick_that_finds_the_log_slow_lets_the_text_leave_with_the_acknowledgement() -> None:
    desk = Desk()
    desk.tempo.set(SOON_S)
    writer, other = await desk.begun(), await desk.begun("b")
    for one in (writer, other):
        one.put("1", 1)
        await turn_of_the_loop()
        desk.log.acknowledge()
    writer.put("2", 1)
    await eventually(lambda: desk.log.deltas[-1:] == ["2"])
    other.put("3", 1)
    desk.tempo.set(FAR_S)  # the tick after the next would be too late
    await eventually(lambda: not desk.outlet.waits)
    assert desk.log.deltas[-1:] == ["2"]
    desk.log.acknowledge()
    await turn_of_the_loop()
    assert desk.log.deltas[-1:] == ["3"]


async def test_a_tick_that_is_over_holds_nothing_up() -> None:
    desk = Desk()
    desk.tempo.set(SOON_S)
    writer = await desk.begun()
    writer.put("a", 1)
    await turn_of_the_loop()
    desk.log.acknowledge()
    writer.put("b", 1)
    desk.tempo.set(0)
    await eventually(lambda: desk.log.deltas == ["a", "b"])
    desk.log.acknowledge()
    writer.put("c", 1)
    await turn_of_the_loop()
    assert desk.log.deltas == ["a", "b", "c"]


async def test_the_end_comes_last_and_agrees_with_the_fold() -> None:
    desk = Desk()
    writer = await desk.begun()
    writer.put("Zür", 1)
    await turn_of_the_loop()
    writer.put("ich", 2)
    end = writer.end("stop", Usage(1, 3))
    await turn_of_the_loop()
    desk.log.acknowledge()
    await turn_of_the_loop()
    desk.log.acknowledge()
    assert await end == 3
    fold = GenerationFold()
    frames = [fold.apply(record) for record in desk.log.records]
    assert frames == [0, 1, 2, 3]
    assert fold.text == "Zürich"
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.usage == Usage(1, 3)


async def test_a_resumed_attempt_goes_on_with_seq_and_digest() -> None:
    desk = Desk()
    first = await desk.begun()
    first.put("one", 1)
    await turn_of_the_loop()
    desk.log.acknowledge()
    first.close()
    first.put("lost", 1)
    second = AttemptWriter(desk.outlet, TURN, "b", desk.broken.append)
    second.begin(started("b", 2), open_when_acknowledged=False)
    await turn_of_the_loop()
    desk.log.acknowledge()
    second.resume_at(2, "one")
    second.put(" two", 1)
    second.open()
    end = second.end("stop", Usage(1, 2))
    await turn_of_the_loop()
    desk.log.acknowledge()
    await end
    fold = GenerationFold()
    for record in desk.log.records:
        fold.apply(record)
    assert fold.text == "one two"
    assert fold.finished


async def test_a_refused_record_breaks_the_attempt_once_and_others_go_on() -> None:
    desk = Desk()
    writer, other = await desk.begun(), await desk.begun("b")
    writer.put("a", 1)
    await turn_of_the_loop()
    desk.log.acknowledge(KafkaError(KafkaError._MSG_TIMED_OUT))
    writer.put("b", 1)
    other.put("x", 1)
    await turn_of_the_loop()
    assert len(desk.broken) == 1
    assert desk.log.deltas == ["a", "x"]
    with pytest.raises(LogUnavailable):
        await writer.end("stop", Usage(1, 1))


async def test_a_full_queue_breaks_the_attempt_and_lets_the_gate_go_on() -> None:
    desk = Desk()
    writer, other = await desk.begun(), await desk.begun("b")
    desk.log.full = True
    writer.put("a", 1)
    await turn_of_the_loop()
    desk.log.full = False
    other.put("x", 1)
    await turn_of_the_loop()
    assert [type(error) for error in desk.broken] == [LogUnavailable]
    assert desk.log.deltas == ["x"]


async def test_what_utf8_cannot_carry_is_published_as_a_replacement_character() -> None:
    desk = Desk()
    writer = await desk.begun()
    writer.put("a\ud83d", 1)
    await turn_of_the_loop()
    assert desk.broken == []
    assert desk.log.deltas == ["a\ufffd"]


async def test_a_long_text_leaves_as_several_records() -> None:
    desk = Desk()
    writer = await desk.begun()
    writer.put("x" * (2 * MAX_CHUNK_CHARS + 1), 5)
    await turn_of_the_loop()
    assert [len(delta) for delta in desk.log.deltas] == [MAX_CHUNK_CHARS, MAX_CHUNK_CHARS, 1]
    assert [r.tokens for r in desk.log.records if isinstance(r, TokenChunk)] == [5, 0, 0]


async def test_the_tick_ends_with_the_load_though_nothing_more_leaves() -> None:
    log = Log()
    with patch("inference_workers.publishing.WINDOW_S", 0.02), patch("inference_workers.ticking.WINDOW_S", 0.02):
        outlet = Outlet(log.producer("calm"), log.producer("busy"), catalogue())
        await asyncio.sleep(0.03)
        outlet._counted(str(number) for number in range(1000))
        assert outlet.ticks
        assert REGISTRY.get_sample_value("verbatim_worker_tick_seconds") == MAX_TICK_S
        await eventually(lambda: not outlet.ticks)
    assert REGISTRY.get_sample_value("verbatim_worker_tick_seconds") == 0


async def test_an_attempt_is_open_until_it_is_closed() -> None:
    desk = Desk()
    writer, other = await desk.begun(), await desk.begun("b")
    assert desk.outlet.running == 2
    for _ in range(2):
        writer.close()
    assert desk.outlet.running == 1
    other.close()
    assert desk.outlet.running == 0
