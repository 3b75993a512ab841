"""Reading Chat Completions streams: any cut, any honest variation, and every kind of nonsense."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.engines.openai_stream import MAX_LINE_BYTES, ChatStream
from inference_workers.ports import (
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    Finish,
)


def event(text: str | None = None, *, reason: str | None = None, **more: object) -> str:
    delta = {} if text is None else {"content": text}
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}) + "\n\n"


DONE = "data: [DONE]\n\n"
USAGE = (
    'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,'
    '"prompt_tokens_details":{"cached_tokens":3}}}\n\n'
)
GARBAGE = """\
{nonsense
7
[]

{"choices":7}
{"choices":[7]}
{"choices":[{"delta":7}]}
{"choices":[{"delta":{"content":7}}]}
"""


def read(*pieces: bytes) -> tuple[str, int, Finish]:
    stream, text, tokens = ChatStream(), "", 0
    for piece in pieces:
        new, count = stream.feed(piece)
        text, tokens = text + new, tokens + count
    return text, tokens, stream.finish()


@given(st.lists(st.text(min_size=1, max_size=5), max_size=8), st.lists(st.integers(0, 5000), max_size=12))
def test_any_cut_gives_the_same(texts: list[str], places: list[int]) -> None:
    whole = ("".join(event(text) for text in texts) + event(reason="length") + USAGE + DONE).encode()
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(edges)]
    text, tokens, finish = read(*pieces)
    assert text == "".join(texts)
    assert tokens == len(texts)
    assert finish == Finish("length", 7, 2, 3)


def test_tokens_of_one_read_come_together() -> None:
    assert ChatStream().feed((event("a") + event("b")).encode()) == ("ab", 2)


def test_variations_of_the_wire() -> None:
    unicode = 'data:{"choices":[{"delta":{"content":"é€"}}]}\r\n\r\n'
    noise = ": keep-alive\n\nevent: message\nid: 3\nretry: 5\n"
    role = 'data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}\n\n'
    assert read((noise + role + unicode + event(reason="stop") + DONE).encode()) == ("é€", 1, Finish("stop"))


def test_halved_surrogate_pairs_are_joined() -> None:
    first = 'data: {"choices":[{"delta":{"content":"a\\ud83c"}}]}\n\n'
    second = 'data: {"choices":[{"delta":{"content":"\\udf89"}}]}\n\n'
    assert read((first + second + DONE).encode())[0] == "a🎉"


def test_missing_done_is_no_loss_but_missing_both_is() -> None:
    assert read((event("a") + event(reason="stop")).encode())[2].reason == "stop"
    assert read((event("a") + DONE).encode())[2].reason == "stop"
    with pytest.raises(EngineUnavailable):
        read(event("a").encode())


@pytest.mark.parametrize("garbage", [f"data: {line}\n\n" for line in GARBAGE.splitlines()])
def test_garbage_is_a_failure_that_quotes_nothing(garbage: str) -> None:
    with pytest.raises(EngineFailed) as raised:
        read(garbage.encode())
    assert "7" not in str(raised.value)
    assert "nonsense" not in str(raised.value)


def test_a_line_without_end_is_bounded() -> None:
    stream = ChatStream()
    with pytest.raises(EngineFailed, match="a line of more than"):
        for _ in range(MAX_LINE_BYTES // 60_000 + 2):
            stream.feed(b"x" * 60_000)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"message": "secret prompt", "code": "context_length_exceeded"}, EngineRejected),
        ({"message": "secret prompt", "type": "rate_limit_error"}, EngineOverloaded),
        ({"message": "secret prompt", "type": "server_error"}, EngineFailed),
        ({"message": "secret prompt", "code": "a secret prompt"}, EngineFailed),
        ("secret prompt", EngineFailed),
    ],
)
def test_told_errors_keep_their_kind_and_not_their_words(told: object, kind: type[EngineError]) -> None:
    with pytest.raises(kind) as raised:
        read(event("a").encode(), f"data: {json.dumps({'error': told})}\n\n".encode())
    assert "secret" not in str(raised.value)
