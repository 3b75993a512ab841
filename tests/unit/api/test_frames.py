"""The bytes of a stream: as documented, and the same from the live fold and from the outcome."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.openai.shapes import ChoiceFrames
from api.streaming.feed import Feed
from api.streaming.frames import EventFrames, Frames
from api.streaming.sources import FinishedSource, Source, text_of
from schemas.envelope import Position
from schemas.generation import Failure
from schemas.parts import ChunkPart
from tests.record_strategies import AWKWARD_TEXTS
from tests.unit.api.memory_log import AT, Attempt, MemoryLog, MemoryRecord
from tests.unit.api.sse_text import events_of
from tests.unit.api.turns import TURN
from topics.catalogue import TOKEN_CHUNKS
from topics.outcomes import outcome_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(AWKWARD_TEXTS)
FAILURE = Failure("engine_failed", "The engine said no.\r\n", True)
ENDS: list[tuple[str, str, Failure | None]] = [
    *[("inside", reason, None) for reason in ("stop", "length", "content_filter", "tool_calls", "failed")],
    ("inside", "failed", FAILURE),
    *[("outside", reason, None) for reason in ("cancelled", "deleted", "expired", "failed", "refused")],
    ("outside", "refused", FAILURE),
]


def frames_of(source: Source, frames: Frames, after: int = -1) -> bytes:
    assert source.turn is not None
    start = frames.start(source.turn, source.started_at_us)
    out = [start] if after < 0 else []
    there = len(source.pieces)
    out += frames.chunks(source.pieces, max(after, 0), there)
    if source.ending is not None and after <= there:
        out.append(frames.end(source.ending, there + 1))
    return b"".join(out)


def played(
    deltas: list[str], end: tuple[str, str, Failure | None], *, begun: bool = True
) -> tuple[Feed, FinishedSource]:
    """A generation as the live feed has it, and as its outcome has it."""
    log = MemoryLog()
    feed = Feed(TURN.generation_id, TURN.conversation_id, TURN.user_id, Position(0, 0, 0))

    def take(records: Iterable[MemoryRecord]) -> None:
        for record in records:
            feed.take(TOKEN_CHUNKS.decode(record.value()), Position(0, 0, record.offset()))

    log.tail(TOKEN_CHUNKS, take)
    attempt = Attempt(log, TURN)
    if begun or end[0] == "inside":
        attempt.start()
        for delta in deltas:
            attempt.chunk(delta)
    if end[0] == "inside":
        attempt.end(end[1], end[2])
    else:
        attempt.ended_from_outside(end[1], end[2])
    return feed, FinishedSource(outcome_of(feed.fold))


def dialects() -> list[Frames]:
    return [EventFrames(), ChoiceFrames(include_usage=False), ChoiceFrames(include_usage=True)]


@given(st.lists(texts, max_size=8), st.sampled_from(ENDS), st.booleans())
def test_live_and_finished_streams_have_the_same_bytes(
    deltas: list[str], end: tuple[str, str, Failure | None], begun: bool
) -> None:
    live, finished = played(deltas, end, begun=begun)
    for one, other in zip(dialects(), dialects(), strict=True):
        assert frames_of(live, one) == frames_of(finished, other)


@given(st.lists(texts, max_size=6), st.sampled_from(ENDS))
def test_what_is_resumed_after_a_frame_is_the_rest_of_the_stream(
    deltas: list[str], end: tuple[str, str, Failure | None]
) -> None:
    _, source = played(deltas, end)
    whole = frames_of(source, EventFrames())
    events = events_of(whole)
    assert [event.id for event in events] == [str(seq) for seq in range(len(deltas) + 2)]
    for event in events:
        rest = frames_of(source, EventFrames(), int(event.id or ""))
        assert whole.endswith(rest)
        assert events_of(rest) == events[int(event.id or "") + 1 :]


@given(st.lists(texts, max_size=8))
def test_texts_arrive_as_they_were(deltas: list[str]) -> None:
    live, _ = played(deltas, ENDS[0])
    ours = events_of(frames_of(live, EventFrames()))
    assert [event.json["delta"] for event in ours if event.event == "content_chunk"] == deltas
    chunks = [json.loads(event.data) for event in events_of(frames_of(live, ChoiceFrames(include_usage=False)))[:-1]]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", *deltas, None]
    assert text_of(live) == "".join(deltas)


def test_event_stream_bytes() -> None:
    live, _ = played(["Hi", "\r\n"], ENDS[0])
    generation, conversation = TURN.generation_id, TURN.conversation_id
    assert frames_of(live, EventFrames()).decode() == (
        "id: 0\nevent: message_start\n"
        f'data: {{"messageId":"{generation}","conversationId":"{conversation}","model":"m"}}\n\n'
        'id: 1\nevent: content_chunk\ndata: {"delta":"Hi"}\n\n'
        'id: 2\nevent: content_chunk\ndata: {"delta":"\\r\\n"}\n\n'
        "id: 3\nevent: message_end\n"
        f'data: {{"messageId":"{generation}","finishReason":"stop","tokensUsed":9,"cost":1e-6,'
        '"usage":{"promptTokens":7,"completionTokens":2,"cachedTokens":2},"costMicros":1,"currency":"USD"}\n\n'
    )


def test_chat_completion_chunk_bytes() -> None:
    live, _ = played(["Hi"], ENDS[1])
    head = (
        f'data: {{"id":"chatcmpl-{TURN.generation_id.replace("-", "")}","object":"chat.completion.chunk",'
        f'"created":{AT // 1_000_000},"model":"m","choices":['
    )
    usage = (
        '"usage":{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8,'
        '"prompt_tokens_details":{"cached_tokens":2,"audio_tokens":0},"completion_tokens_details":'
        '{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
    )
    assert frames_of(live, ChoiceFrames(include_usage=True)).decode() == (
        head
        + '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]'
        + ',"usage":null}\n\n'
        + head
        + '{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
        + head
        + '{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}\n\n'
        + head
        + f"],{usage}}}\n\n"
        + "data: [DONE]\n\n"
    )


@pytest.mark.parametrize("end", [("inside", "failed", FAILURE), ("outside", "refused", FAILURE)])
def test_a_turn_without_its_answer_ends_with_an_error(end: tuple[str, str, Failure | None]) -> None:
    last = events_of(frames_of(played(["part"], end)[0], EventFrames()))[-1]
    said = {
        "code": "engine_failed",
        "message": "The model had an error. Try again.",
        "retryable": True,
        "detail": "The engine said no.\r\n",
    }
    assert (last.id, last.event, last.json) == ("2", "error", said)


def test_openai_streams_end_as_openai_does() -> None:
    def last_of(end: tuple[str, str, Failure | None]) -> list[str]:
        return [event.data for event in events_of(frames_of(played(["x"], end)[0], ChoiceFrames(include_usage=False)))][
            -2:
        ]

    refused = last_of(("outside", "refused", FAILURE))
    assert json.loads(refused[0])["choices"][0]["finish_reason"] == "content_filter"
    assert refused[1] == "[DONE]"
    failed = json.loads(last_of(("inside", "failed", FAILURE))[1])
    assert failed["error"]["code"] == "engine_failed"
    assert json.loads(last_of(("outside", "cancelled", None))[1])["error"]["code"] == "cancelled"


REASONING, TEXT = ChunkPart(0, "reasoning"), ChunkPart(1, "text")
CALL, MORE = ChunkPart(2, "tool_call", "call_1", "look"), ChunkPart(2, "tool_call")
REFUSAL = ChunkPart(3, "refusal")
PARTS = [("Hm.", REASONING), ("Hi", TEXT), ("", CALL), ("{}", MORE), ("No.", REFUSAL)]


def parted() -> tuple[Feed, FinishedSource]:
    """An answer of parts as the live feed has it, and as its outcome has it."""
    log = MemoryLog()
    feed = Feed(TURN.generation_id, TURN.conversation_id, TURN.user_id, Position(0, 0, 0))

    def take(records: Iterable[MemoryRecord]) -> None:
        for record in records:
            feed.take(TOKEN_CHUNKS.decode(record.value()), Position(0, 0, record.offset()))

    log.tail(TOKEN_CHUNKS, take)
    attempt = Attempt(log, TURN).start()
    for delta, part in PARTS:
        attempt.chunk(delta, part=part)
    attempt.end("tool_calls")
    return feed, FinishedSource(outcome_of(feed.fold))


def test_every_chunk_of_an_answer_of_parts_is_one_frame_of_its_kind() -> None:
    live, finished = parted()
    whole = frames_of(live, EventFrames())
    assert whole == frames_of(finished, EventFrames())
    assert [(event.id, event.event, event.json) for event in events_of(whole)[1:-1]] == [
        ("1", "reasoning_chunk", {"delta": "Hm."}),
        ("2", "content_chunk", {"delta": "Hi"}),
        ("3", "tool_call", {"index": 0, "callId": "call_1", "name": "look", "delta": ""}),
        ("4", "tool_call_chunk", {"index": 0, "delta": "{}"}),
        ("5", "content_chunk", {"delta": "No.", "refusal": True}),
    ]
    assert text_of(live) == text_of(finished) == "HiNo."
    for one, other in zip(dialects(), dialects(), strict=True):
        assert frames_of(live, one) == frames_of(finished, other)
