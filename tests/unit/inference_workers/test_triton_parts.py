"""Both tensor contracts, their responses, and what Triton's errors mean."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import pytest

from inference_workers.engines.text_parts import TextParts
from inference_workers.engines.triton_dialects import (
    Contract,
    contract_of,
    derived_finish,
    looks_cumulative,
    request_tensors,
    tokens_a_block,
    told_finish,
)
from inference_workers.engines.triton_errors import engine_error
from inference_workers.engines.triton_responses import ResponseReader
from inference_workers.ports import (
    Delta,
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineRequest,
    EngineTimeout,
    EngineUnavailable,
    Finish,
    Refusal,
)
from infra.models.catalogue import Deadlines, ModelCatalogue
from infra.models.spec import TextMode
from schemas.conversation import ChatMessage, Sampling

MODELS = ModelCatalogue.load()
LEGACY = contract_of(
    ["text_input", "max_tokens", "stream", "stop_words", "temperature", "seed", "exclude_input_in_output"],
    ["text_output", "num_input_tokens", "num_output_tokens", "cum_log_probs"],
)
LLMAPI = contract_of(
    [
        "text_input",
        "streaming",
        "sampling_param_max_tokens",
        "sampling_param_stop",
        "sampling_param_seed",
        "sampling_param_top_p",
        "return_finish_reason",
    ],
    ["text_output", "finish_reason"],
)


def request(sampling: Sampling, text_mode: TextMode = "delta") -> EngineRequest:
    model = replace(MODELS.get("verbatim-local"), text_mode=text_mode)
    return EngineRequest("r", model, (ChatMessage("user", "q"),), sampling, Deadlines())


def shapes(contract: Contract, sampling: Sampling) -> dict[str, tuple[tuple[int, ...], str, Any]]:
    tensors = request_tensors(contract, request(sampling), "prompt")
    return {tensor.name: (tensor.data.shape, tensor.datatype, tensor.data.reshape(-1).tolist()) for tensor in tensors}


def test_the_legacy_contract_has_a_batch_dimension() -> None:
    sent = shapes(LEGACY, Sampling(max_tokens=5, temperature=0.0, top_p=0.5, stop=("a", "é"), seed=-1))
    assert sent == {
        "text_input": ((1, 1), "BYTES", [b"prompt"]),
        "max_tokens": ((1, 1), "INT32", [5]),
        "stream": ((1, 1), "BOOL", [True]),
        "stop_words": ((1, 2), "BYTES", [b"a", "é".encode()]),
        "exclude_input_in_output": ((1, 1), "BOOL", [True]),
        "temperature": ((1, 1), "FP32", [0.0]),
        "seed": ((1, 1), "UINT64", [2**64 - 1]),
    }


def test_the_llmapi_contract_has_none_and_other_names() -> None:
    sent = shapes(LLMAPI, Sampling(max_tokens=5, temperature=0.0, top_p=0.5, stop=("a",), seed=3))
    assert sent == {
        "text_input": ((1,), "BYTES", [b"prompt"]),
        "sampling_param_max_tokens": ((1,), "INT32", [5]),
        "streaming": ((1,), "BOOL", [True]),
        "return_finish_reason": ((1,), "BOOL", [True]),
        "sampling_param_stop": ((1,), "BYTES", [b"a"]),
        "sampling_param_top_p": ((1,), "FP32", [0.5]),
        "sampling_param_seed": ((1,), "UINT64", [3]),
    }


def test_a_schema_goes_along_as_a_guide_where_the_model_takes_one() -> None:
    asked = Sampling(max_tokens=5, response_schema='{"type": "object"}')
    guided = contract_of(
        ["text_input", "max_tokens", "guided_decoding_guide_type", "guided_decoding_guide"], ["text_output"]
    )
    sent = shapes(guided, asked)
    assert sent["guided_decoding_guide_type"] == ((1, 1), "BYTES", [b"json_schema"])
    assert sent["guided_decoding_guide"] == ((1, 1), "BYTES", [b'{"type": "object"}'])
    for contract in (LEGACY, LLMAPI):
        with pytest.raises(EngineRejected, match="cannot hold an answer to a JSON schema"):
            shapes(contract, asked)


def test_only_useful_outputs_are_asked_for() -> None:
    plain = request(Sampling(max_tokens=9))
    assert LEGACY.wanted_outputs(plain) == ("text_output", "num_input_tokens", "num_output_tokens")
    assert LLMAPI.wanted_outputs(plain) == ("text_output", "finish_reason")


def test_what_is_no_text_generator_is_refused() -> None:
    with pytest.raises(EngineRejected):
        contract_of(["image"], ["boxes"])
    with pytest.raises(EngineRejected):
        contract_of(["text_input"], ["text_output"])


def test_finish_reasons() -> None:
    assert told_finish(b"stop") == "stop"
    assert told_finish(b"None") is None
    for abnormal in (b"cancelled", b"timeout", b"something new"):
        with pytest.raises(EngineFailed):
            told_finish(abnormal)
    assert derived_finish(stopped=False, tokens=5, max_tokens=5) == "length"
    assert derived_finish(stopped=True, tokens=5, max_tokens=5) == "stop"
    assert derived_finish(stopped=False, tokens=4, max_tokens=5) == "stop"


def test_probe() -> None:
    assert looks_cumulative(["1", "1,", "1, 2"]) is True
    assert looks_cumulative(["1", ",", " 2"]) is False
    assert looks_cumulative(["", "1"]) is None


@dataclass
class Output:
    name: str


@dataclass
class Response:
    outputs: list[Output] = field(default_factory=list)
    raw_output_contents: list[bytes] = field(default_factory=list)


def response(text: bytes, **more: bytes | int) -> Response:
    made = Response([Output("text_output")], [len(text).to_bytes(4, "little") + text])
    for name, value in more.items():
        made.outputs.append(Output(name))
        raw = value.to_bytes(4, "little") if isinstance(value, int) else len(value).to_bytes(4, "little") + value
        made.raw_output_contents.append(raw)
    return made


def ended(reader: ResponseReader, *, answered: bool = True) -> tuple[Delta | None, Finish]:
    """The rest and the end, of an answer that said something or not."""
    parts = TextParts(request(Sampling()))
    parts.answered = answered
    return reader.rest(), reader.finish(parts)


def test_half_characters_and_stop_words_in_deltas() -> None:
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=9, stop=("ST",))))
    euro = "€".encode()
    assert reader.feed(response(euro[:1], num_input_tokens=4, num_output_tokens=1)) is None
    assert reader.feed(response(euro[1:] + b"S", num_input_tokens=4, num_output_tokens=1)) == Delta("€", 2)
    assert reader.feed(response(b"To", num_input_tokens=4, num_output_tokens=1)) is None
    assert reader.ended
    assert reader.feed(Response()) is None
    assert ended(reader) == (None, Finish("stop", 4, 3))


@pytest.mark.parametrize(
    ("said", "tokens"), [("1", 1), ("64", 64), ("", 0), ("many", 0), ("-1", 0), ("5000", 0), ("9" * 5000, 0)]
)
def test_what_a_block_of_a_prompts_cache_holds_is_read(said: str, tokens: int) -> None:
    assert tokens_a_block(said) == tokens


def test_cached_tokens_are_counted_by_blocks_where_the_model_says_their_size() -> None:
    outputs = ["text_output", "num_input_tokens", "num_output_tokens", "kv_cache_reused_blocks"]
    silent = contract_of(["text_input", "max_tokens"], outputs)
    assert "kv_cache_reused_blocks" not in silent.wanted_outputs(request(Sampling()))
    told = contract_of(["text_input", "max_tokens"], outputs, 16)
    assert told.wanted_outputs(request(Sampling()))[-1] == "kv_cache_reused_blocks"
    reader = ResponseReader(told, request(Sampling(max_tokens=9)))
    assert reader.feed(response(b"a", num_output_tokens=1)) == Delta("a", 1)
    last = response(b"", num_input_tokens=40, num_output_tokens=1, kv_cache_reused_blocks=2)
    assert reader.feed(last) is None
    assert ended(reader) == (None, Finish("stop", 40, 2, 32))


def test_a_refusal_comes_in_whole_characters() -> None:
    contract = contract_of(["text_input", "max_tokens"], ["text_output", "num_output_tokens", "refusal_output"])
    asked = request(Sampling(max_tokens=9))
    assert "refusal_output" in contract.wanted_outputs(asked)
    reader = ResponseReader(contract, asked)

    def refused(words: bytes) -> Response:
        said = response(words, num_output_tokens=1)
        said.outputs[0] = Output("refusal_output")
        return said

    assert reader.feed(refused(b"N\xc3")) == Refusal("N", 1)
    assert reader.feed(refused(b"\xb6")) == Refusal("ö", 1)
    assert reader.feed(refused(b"\xc3")) is None
    assert reader.feed(refused(b"\xb6")) == Refusal("ö", 2)
    assert ended(reader, answered=False) == (None, Finish("stop", None, 4))


def test_logprobs_come_with_the_text_of_their_tokens() -> None:
    contract = contract_of(
        ["text_input", "max_tokens", "return_log_probs"], ["text_output", "num_output_tokens", "output_log_probs"]
    )
    plain, asked = request(Sampling(max_tokens=9)), request(Sampling(max_tokens=9, top_logprobs=2))
    assert "output_log_probs" not in contract.wanted_outputs(plain)
    assert "output_log_probs" in contract.wanted_outputs(asked)
    reader = ResponseReader(contract, asked)

    def told(text: bytes, logprob: float) -> Response:
        said = response(text, num_output_tokens=1)
        said.outputs.append(Output("output_log_probs"))
        said.raw_output_contents.append(struct.pack("<f", logprob))
        return said

    assert reader.feed(told(b"\xc3", -0.5)) is None
    delta = reader.feed(told(b"\xb6", -0.25))
    assert isinstance(delta, Delta)
    entry = {"token": "ö", "logprob": -0.75, "bytes": [195, 182], "top_logprobs": []}
    assert (delta.text, delta.tokens, json.loads(delta.logprobs)) == ("ö", 2, [entry])


def test_growing_text_with_a_told_reason() -> None:
    reader = ResponseReader(LLMAPI, request(Sampling(max_tokens=9), "cumulative"))
    assert reader.feed(response(b"a", finish_reason=b"None")) == Delta("a", 1)
    assert reader.feed(response("a\ufffd".encode(), finish_reason=b"None")) is None
    assert reader.feed(response("aé!".encode(), finish_reason=b"length")) == Delta("é!", 2)
    assert ended(reader) == (None, Finish("length"))


def test_what_was_held_back_comes_at_the_end() -> None:
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=2, stop=("stop",))))
    assert reader.feed(response(b"a st")) == Delta("a ", 1)
    assert reader.feed(response(b"o\xe2")) is None
    assert ended(reader) == (Delta("sto\ufffd", 1), Finish("length"))


def test_no_response_is_a_failure_and_a_wrong_text_mode_is_told() -> None:
    with pytest.raises(EngineFailed, match="without a response"):
        asked = request(Sampling(max_tokens=2))
        ResponseReader(LEGACY, asked).finish(TextParts(asked))
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=2), "cumulative"))
    reader.feed(response(b"one"))
    with pytest.raises(EngineFailed, match="text_mode"):
        reader.feed(response(b"two"))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a", "\ufffd", "\ufffd", "🧘", "b"], "a🧘b"),
        (["a\ufffd", "é", "\ufffd", "\ufffd", "\ufffd", "🧘\u200d", "\ufffd", "中"], "aé🧘\u200d中"),
        (["a", "\ufffd", "b"], "a\ufffdb"),
        (["a", "\ufffd"] + ["\ufffd"] * 3 + ["é"], "a" + "\ufffd" * 4 + "é"),
        (["a", "\ufffd"], "a\ufffd"),
        (["a\ufffdb", "c"], "a\ufffdbc"),
    ],
)
def test_replacement_characters_in_deltas_wait_for_their_character(texts: list[str], expected: str) -> None:
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=9)))
    deltas = [delta for text in texts if (delta := reader.feed(response(text.encode())))]
    last, _ = ended(reader)
    deltas += [last] if last else []
    assert "".join(delta.text for delta in deltas) == expected
    assert sum(delta.tokens for delta in deltas) == len(texts)


def test_an_abnormal_end_keeps_the_text_that_came_with_it() -> None:
    for reason in (b"cancelled", b"a secret"):
        reader = ResponseReader(LLMAPI, request(Sampling(max_tokens=9)))
        assert reader.feed(response(b"a", finish_reason=reason)) == Delta("a", 1)
        assert reader.ended
        with pytest.raises(EngineFailed) as raised:
            ended(reader)
        assert "secret" not in raised.value.message


def test_an_end_without_a_reason_or_without_text_is_none() -> None:
    reader = ResponseReader(LLMAPI, request(Sampling(max_tokens=9)))
    reader.feed(response(b"a", finish_reason=b"None"))
    with pytest.raises(EngineFailed, match="without a finish reason"):
        ended(reader)
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=9)))
    reader.feed(response(b""))
    with pytest.raises(EngineFailed, match="empty answer"):
        ended(reader, answered=False)
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=1)))
    reader.feed(response(b""))
    assert ended(reader) == (None, Finish("length"))


def test_counts_beyond_what_was_asked_for_are_not_believed() -> None:
    reader = ResponseReader(LEGACY, request(Sampling(max_tokens=9)))
    assert reader.feed(response(b"a", num_output_tokens=2**32 - 1)) == Delta("a", 1)
    assert reader.feed(response(b"b", num_output_tokens=1)) == Delta("b", 1)
    assert ended(reader) == (None, Finish("stop"))


@pytest.mark.parametrize(
    ("status", "text", "code", "accepted"),
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; Socket closed", "engine_unavailable", False),
        (grpc.StatusCode.UNAVAILABLE, "errors resolving no.such:9: not found", "engine_unavailable", False),
        (grpc.StatusCode.UNAVAILABLE, "Server exiting", "engine_unavailable", False),
        (grpc.StatusCode.UNAVAILABLE, "Stream removed (recvmsg:Connection reset by peer)", "engine_unavailable", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", "engine_overloaded", False),
        (grpc.StatusCode.INVALID_ARGUMENT, "", "invalid_request", False),
        (grpc.StatusCode.UNAUTHENTICATED, "", "engine_auth", False),
        (grpc.StatusCode.NOT_FOUND, "", "engine_misconfigured", False),
        (
            grpc.StatusCode.INTERNAL,
            "Encountered error: Prompt length (9000) exceeds maximum input length (8192).",
            "context_length_exceeded",
            False,
        ),
        (None, "anything", "engine_failed", True),
    ],
)
def test_codes_and_whether_a_model_had_the_request(
    status: grpc.StatusCode | None, text: str, code: str, accepted: bool
) -> None:
    error = engine_error(status, text, 3.0)
    assert (error.code, error.accepted) == (code, accepted)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses", EngineUnavailable),
        (grpc.StatusCode.UNAVAILABLE, "Request for unknown model: 'x' has no available versions", EngineUnavailable),
        (grpc.StatusCode.UNAVAILABLE, "[request id: x] Exceeds maximum queue size", EngineOverloaded),
        (grpc.StatusCode.INTERNAL, "simulated engine failure", EngineFailed),
        (grpc.StatusCode.INVALID_ARGUMENT, "unexpected shape for input 'max_tokens'", EngineRejected),
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'x' is not found", EngineRejected),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", EngineTimeout),
        (None, "[request id: x] unexpected shape for input 'a'", EngineRejected),
        (None, "my secret prompt", EngineFailed),
    ],
)
def test_errors(status: grpc.StatusCode | None, text: str, kind: type[EngineError]) -> None:
    error = engine_error(status, text, 3.0)
    assert type(error) is kind
    assert "secret" not in error.message
    assert error.retryable == (kind is not EngineRejected)
