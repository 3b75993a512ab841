"""The stream command's own rules: ids, the frames after a frame, and the pace."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest

from api.streaming.feed import Feed
from api.streaming.frames import EventFrames
from infra.cli.replay import stream
from infra.cli.replay.progress import Interrupted, Stop
from infra.cli.replay.stream_found import finished, frames_of
from infra.cli.terminal import UserError
from schemas.envelope import Position
from schemas.generation import GenerationRecord
from schemas.outcome import GenerationCompleted
from schemas.parts import AnswerPart, ChunkPart
from tests.generation_logs import chunk, started
from tests.golden.samples import samples
from tests.realistic_log import records
from topics.catalogue import GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.scan import generation_of


def test_an_id_may_be_given_as_chat_completions_writes_it() -> None:
    assert stream._id_of("chatcmpl-0123456789abcdef0123456789abcdef") == "01234567-89ab-cdef-0123-456789abcdef"
    assert stream._id_of("a-1") == "a-1"
    for wrong in ("", "a b", "a\n", "é", "x" * 101):
        with pytest.raises(UserError, match="not a generation id"):
            stream._id_of(wrong)


def test_the_log_and_the_outcome_give_the_same_frames() -> None:
    log = list(records(11, 4000))
    outcomes = [a.record for a in log if a.topic == GENERATION_OUTCOMES]
    assert len(outcomes) > 10
    for outcome in outcomes:
        turn = outcome.turn
        feed = Feed(turn.generation_id, turn.conversation_id, turn.user_id, turn.tail)
        for appended in log:
            if appended.topic == TOKEN_CHUNKS and generation_of(appended.record) == turn.generation_id:
                feed.take(appended.record, appended.position)
        times = [mark.at_us for mark in feed.fold.marks]
        whole = list(frames_of(feed, EventFrames(), times, -1))
        source, recorded = finished(outcome)
        assert whole == list(frames_of(source, EventFrames(), recorded, -1))
        # Taken up frame by frame, as one that runs is.
        frames, after, parts = EventFrames(), -1, []
        while after < len(whole) - 1:
            new = list(frames_of(feed, frames, times, after))
            parts.append(new[0])
            after += 1
        assert parts == whole


def test_the_frames_of_reasoning_and_calls_are_the_same_from_log_and_outcome() -> None:
    text = 'Hm.Look.{"a":1}'
    parts = (
        AnswerPart("reasoning", 3, 1),
        AnswerPart("text", 5, 1),
        AnswerPart("tool_call", 7, 2, "c1", "weather"),
    )
    begun = started("a")
    log: list[GenerationRecord] = [
        begun,
        chunk("a", 1, "Hm.", part=ChunkPart(0, "reasoning")),
        chunk("a", 2, "Look.", part=ChunkPart(1, "text")),
        chunk("a", 3, '{"a":', part=ChunkPart(2, "tool_call", "c1", "weather")),
        chunk("a", 4, "1}", part=ChunkPart(2, "tool_call")),
    ]
    turn = begun.turn
    feed = Feed(turn.generation_id, turn.conversation_id, turn.user_id, turn.tail)
    for offset, record in enumerate(log):
        feed.take(record, Position(0, 0, offset))
    times = [mark.at_us for mark in feed.fold.marks]
    whole = list(frames_of(feed, EventFrames(), times, -1))
    names = [frame.split(b"\n")[1].removeprefix(b"event: ").decode() for _, frame in whole]
    assert names == ["message_start", "reasoning_chunk", "content_chunk", "tool_call", "tool_call_chunk"]
    outcome = replace(
        next(sample for sample in samples(GenerationCompleted).values()),
        turn=turn, text=text, parts=parts, chunks=tuple(feed.fold.marks), logprobs=(),
    )  # fmt: skip
    source, recorded = finished(outcome)
    assert whole[1:] == list(frames_of(source, EventFrames(), recorded, -1))[1:-1]


def test_one_that_has_not_begun_has_no_frames() -> None:
    assert list(frames_of(Feed("g", "c", "u", Position(0, 0, 0)), EventFrames(), [], -1)) == []


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []
        self.written = io.BytesIO()

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stream, "time", clock)
    monkeypatch.setattr(stream, "reader_has_left", lambda: False)
    monkeypatch.setattr(stream, "sys", SimpleNamespace(stdout=SimpleNamespace(buffer=clock.written)))
    return clock


@pytest.mark.parametrize(("speed", "expected_s"), [(1.0, 2.0), (4.0, 0.5), (0.5, 4.0)])
def test_frames_leave_as_far_apart_as_they_were_made(clock: Clock, speed: float, expected_s: float) -> None:
    writer = stream.Writer(speed, Stop())
    for at_us in (5_000_000, 5_500_000, 7_000_000, 6_000_000):
        writer.write(at_us, b"x")
    assert clock.now_s - 100.0 == pytest.approx(expected_s)
    assert max(clock.slept) <= 0.2


def test_without_a_pace_nobody_waits(clock: Clock) -> None:
    writer = stream.Writer(None, Stop())
    writer.write(1, b"a")
    writer.write(10**15, b"b")
    assert clock.slept == []
    assert clock.written.getvalue() == b"ab"


def test_a_paced_stream_can_be_interrupted(clock: Clock) -> None:
    stop = Stop()
    writer = stream.Writer(1.0, stop)
    writer.write(0, b"a")
    stop.asked = True
    with pytest.raises(Interrupted):
        writer.write(60_000_000, b"b")


def test_the_sample_outcome_has_its_chunks() -> None:
    source, times = finished(samples(GenerationCompleted)["full"])
    assert len(source.pieces) == len(times)
