"""What upstreams say, in their own words as public reports show them, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.engines.upstream_errors import error_in, refusal, told_error, told_error_of
from inference_workers.ports import EngineError, EngineFailed, EngineRejected
from infra.models.catalogue import ModelCatalogue

MODEL = ModelCatalogue.load().default_model
TOO_LONG = [
    # vLLM
    "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the "
    "messages, 10000 in the completion). Please reduce the length of the messages or completion.",
    "The decoder prompt (length 163840) is longer than the maximum model length of 131072. Make sure that ...",
    "max_tokens must be at least 1, got -186.",
    "'max_tokens' or 'max_completion_tokens' is too large: 9999. This model's maximum context length is 4096.",
    # SGLang
    "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
    "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input or ...",
    "Requested token count exceeds the model's maximum context length of 32768 tokens.",
    # llama.cpp and its Python server
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "Context size has been exceeded.",
    "Requested tokens (2285) exceed context window of 2048",
    # TGI
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512. Given: 1000 `inputs` tokens and 1024",
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 3402",
    # Ollama
    "the input length exceeds the context length",
    "input length exceeds maximum context length",
    "prompt too long; exceeded max context length by 12 tokens",
    # gateways in front of others
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 174167 + 64000 > 200000",
]
OTHER = [
    "max_tokens must be at least 1, got 0.",
    "Invalid value for 'temperature': expected at most 2.",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "Internal server error",
    "",
]


def shapes(message: str) -> list[dict[str, Any]]:
    """An error message as the servers wrap it."""
    return [
        {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}},
        {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400},
        {"error": message, "error_type": "validation"},
        {"error": {"code": 500, "message": message, "type": "server_error"}},
        {"detail": message},
        {"detail": [{"loc": ["body"], "msg": message}]},
        {"error": [{"message": message}]},
    ]


@pytest.mark.parametrize("message", TOO_LONG)
def test_a_context_error_is_known_by_its_words(message: str) -> None:
    for body in shapes(message):
        told = told_error(error_in(body))
        assert (type(told), told.code) == (EngineRejected, "context_length_exceeded")
        assert message not in told.message
        for status in (400, 413, 422, 500):
            error = refusal(MODEL, status, json.dumps(body).encode(), "", 0.0)
            assert (error.code, error.accepted, error.retryable) == ("context_length_exceeded", False, False)
    assert refusal(MODEL, 400, message.encode(), "", 0.0).code == "context_length_exceeded"


@pytest.mark.parametrize("message", OTHER)
def test_other_words_are_no_context_error(message: str) -> None:
    for body in shapes(message):
        assert told_error(error_in(body) or {}).code != "context_length_exceeded"
        assert refusal(MODEL, 400, json.dumps(body).encode(), "", 0.0).code == "invalid_request"


def test_the_codes_of_context_errors() -> None:
    for fields in ({"code": "context_length_exceeded"}, {"type": "exceed_context_size_error", "code": 400}):
        assert told_error(fields).code == "context_length_exceeded"


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"type": "ping"},
        {"choices": [], "usage": None},
        {"error": None},
        {"error": "", "detail": None},
        {"id": "1", "object": "chat.completion.chunk", "message": "choices follow"},
    ],
)
def test_what_is_no_error(chunk: dict[str, Any]) -> None:
    assert error_in(chunk) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "msg", "code", "type", "object", "errors", "status"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_anything_told_becomes_one_of_our_errors(told: Any) -> None:
    assert isinstance(told_error(told), EngineError)
    if isinstance(told, dict):
        found = error_in(told)
        assert found is None or isinstance(told_error(found), EngineError)


@given(
    st.integers(100, 999),
    st.binary(max_size=40) | JSON.map(lambda told: json.dumps(told).encode()),
    st.text(max_size=9),
)
def test_any_status_becomes_one_of_our_errors_and_no_engine_had_the_request(
    status: int, body: bytes, retry_after: str
) -> None:
    error = refusal(MODEL, status, body, retry_after, 1e9)
    assert not error.accepted
    assert error.code in {
        *("context_length_exceeded", "content_filter", "invalid_request", "engine_auth", "engine_misconfigured"),
        *("engine_overloaded", "engine_unavailable"),
    }
    assert not isinstance(error, EngineFailed)
    assert told_error_of(body) is None or isinstance(told_error_of(body), EngineError)
