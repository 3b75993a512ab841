from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cli import chat_wire
from infra.cli.chat_wire import (
    BadStream,
    ContentChunk,
    Frame,
    FrameReader,
    MessageEnd,
    MessageStart,
    ReasoningChunk,
    ToolCall,
    ToolCallChunk,
    TurnFailed,
    event_of,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def framed(seq: int, event: str, data: object) -> bytes:
    return f"id: {seq}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()


@given(st.lists(TEXTS, max_size=8), st.data())
def test_frames_come_whole_however_the_bytes_are_cut(deltas: list[str], data: st.DataObject) -> None:
    stream = b"".join(
        b": keep-alive\n\n" + framed(n, "content_chunk", {"delta": delta}) for n, delta in enumerate(deltas)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader, found = FrameReader(), []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[begin:end])
    assert [frame.seq for frame in found] == list(range(len(deltas)))
    assert [event_of(frame) for frame in found] == [ContentChunk(delta) for delta in deltas]


def test_every_event_is_understood() -> None:
    assert event_of(Frame(0, "message_start", '{"messageId":"g","conversationId":"c","model":"m"}')) == MessageStart(
        "g", "c", "m"
    )
    assert event_of(Frame(1, "reasoning_chunk", '{"delta":"Hm"}')) == ReasoningChunk("Hm")
    call = '{"index":0,"callId":"c1","name":"weather","delta":"{"}'
    assert event_of(Frame(2, "tool_call", call)) == ToolCall("weather", "{")
    assert event_of(Frame(3, "tool_call_chunk", '{"index":0,"delta":"}"}')) == ToolCallChunk("}")
    assert event_of(Frame(4, "content_chunk", '{"delta":"No.","refusal":true}')) == ContentChunk("No.")
    end = '{"messageId":"g","finishReason":"stop","tokensUsed":7,"cost":0.25,"currency":"USD"}'
    assert event_of(Frame(9, "message_end", end)) == MessageEnd("stop", 7, 0.25, "USD")
    error = '{"code":"content_filter","message":"No.","retryable":false}'
    assert event_of(Frame(1, "error", error)) == TurnFailed("content_filter", "No.", False)


def test_events_of_later_versions_are_passed_over() -> None:
    assert event_of(Frame(3, "tool_started", "{}")) is None


@pytest.mark.parametrize(
    "frame",
    [
        Frame(1, "content_chunk", "{}"),
        Frame(1, "content_chunk", "nonsense"),
        Frame(1, "content_chunk", "[]"),
        Frame(1, "message_end", '{"finishReason":"stop"}'),
    ],
)
def test_data_that_does_not_fit_is_damage(frame: Frame) -> None:
    with pytest.raises(BadStream):
        event_of(frame)


@pytest.mark.parametrize("block", [b"event: x\ndata: {}\n\n", b"id: one\ndata: {}\n\n", b"id: 1\ndata: \xff\n\n"])
def test_a_damaged_frame_is_told(block: bytes) -> None:
    with pytest.raises(BadStream):
        FrameReader().feed(block)


def test_a_frame_without_end_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_wire, "MAX_FRAME_BYTES", 100)
    reader = FrameReader()
    reader.feed(b"x" * 100)
    with pytest.raises(BadStream):
        reader.feed(b"x")
