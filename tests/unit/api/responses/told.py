"""A finished answer of parts, its frames as a response, and what the official client makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx2
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent

from api.responses.frames import ResponseFrames
from api.responses.shapes import Parameters
from api.streaming.sources import FinishedSource
from schemas.envelope import Position
from schemas.generation import FinishReason
from schemas.outcome import Outcome
from schemas.parts import ChunkPart, stream_digest
from tests.generation_logs import TURN, chunk, ended, started
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

GENERATION = "0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11"
ASKED = Parameters(model="a-model", created_at_us=1_763_692_800_123_456)
Said = Sequence[tuple[str, ChunkPart | None, str]]
"""Chunks: text, part, logprobs."""


def outcome(said: Said, finish: FinishReason = "stop") -> Outcome:
    """The outcome of an answer of these chunks."""
    fold = GenerationFold()
    turn = replace(TURN, generation_id=GENERATION)
    fold.apply(replace(started("a"), turn=turn))
    for seq, (text, part, logprobs) in enumerate(said, 1):
        assert fold.apply(replace(chunk("a", seq, text, part=part), generation_id=GENERATION, logprobs=logprobs)) == seq
    end = ended("a", len(said), fold.text, finish, fold.parts)
    assert end.sha256 == stream_digest(sha256(fold.text.encode()).hexdigest(), fold.parts)
    fold.apply(replace(end, generation_id=GENERATION), Position(0, 0, 99))
    return outcome_of(fold)


def stream(told: Outcome, asked: Parameters = ASKED, after: int = -1) -> bytes:
    """The whole stream of events after number `after`."""
    source, frames = FinishedSource(told), ResponseFrames(asked, after)
    assert source.turn is not None and source.ending is not None
    there = len(source.pieces)
    head = frames.start(source.turn, source.started_at_us)
    return b"".join([head, *frames.chunks(source.pieces, 0, there), frames.end(source.ending, there + 1)])


def events(body: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each with its name checked."""
    found = []
    for frame in body.decode().split("\n\n")[:-1]:
        name, _, data = frame.partition("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def read_by_client(body: bytes) -> tuple[list[ResponseStreamEvent], Response]:
    """What openai-python reads, strictly: its events, and the response that its accumulator comes to."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = OpenAI(api_key="k", base_url="http://x/v1", http_client=http, _strict_response_validation=True)
        plain = list(client.responses.create(model="m", input="x", stream=True))
        with client.responses.stream(model="m", input="x") as read:
            for _event in read:
                pass
            return plain, read.get_final_response()
