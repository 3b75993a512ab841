"""The local model without Triton: what it reads, and how much it keeps for a client that does not read."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from infra.local_model import plain
from infra.local_model.backend import InferenceResponse, Tensor, TritonError
from infra.local_model.plain import Stream
from infra.local_model.wire import BadRequest, failed, inferred, input_tensors, parameters_of

DECLARED = {"text": "BYTES", "count": "INT32", "flag": "BOOL"}


def request_of(name: str, datatype: str, shape: list[int], raw: bytes) -> Any:
    request = service_pb2.ModelInferRequest(model_name="m", id="1")
    request.inputs.add(name=name, datatype=datatype, shape=shape)
    request.raw_input_contents.append(raw)
    return request


def test_tensors_are_the_same_on_both_sides() -> None:
    sent = InferenceResponse(
        [
            Tensor("text", np.array([["é".encode(), b""]], dtype=np.object_)),
            Tensor("count", np.array([-1, 2], dtype=np.int32)),
            Tensor("flag", np.array([[True]])),
        ]
    )
    response = inferred("m", "1", sent).infer_response
    request = service_pb2.ModelInferRequest(model_name="m", raw_input_contents=response.raw_output_contents)
    for output in response.outputs:
        request.inputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
    read = input_tensors(request, DECLARED)
    assert (response.model_name, response.id) == ("m", "1")
    for tensor in sent.tensors:
        assert read[tensor.name()].as_numpy().tolist() == tensor.as_numpy().tolist()


@pytest.mark.parametrize(
    ("name", "datatype", "shape", "raw"),
    [
        ("other", "INT32", [1], b"\0\0\0\0"),
        ("count", "INT64", [1], b"\0" * 8),
        ("count", "INT32", [1], b"\0\0\0"),
        ("count", "INT32", [2], b"\0\0\0\0"),
        ("count", "INT32", [-3], b"\0\0\0\0"),
        ("text", "BYTES", [1], b"\xff\xff\xff\x7fab"),
        ("text", "BYTES", [1], b"\1"),
        ("text", "BYTES", [2], b"\1\0\0\0a"),
    ],
)
def test_what_is_not_what_it_says_is_refused(name: str, datatype: str, shape: list[int], raw: bytes) -> None:
    with pytest.raises(BadRequest, match="input"):
        input_tensors(request_of(name, datatype, shape, raw), DECLARED)


def test_inputs_without_contents_are_refused() -> None:
    request = request_of("count", "INT32", [1], b"\0\0\0\0")
    del request.raw_input_contents[:]
    with pytest.raises(BadRequest, match="raw contents"):
        input_tensors(request, DECLARED)


def test_parameters_keep_their_types() -> None:
    request = service_pb2.ModelInferRequest()
    request.parameters["a"].int64_param = 3
    request.parameters["b"].string_param = "x"
    assert parameters_of(request) == {"a": 3, "b": "x"}


async def test_an_error_ends_a_stream_behind_what_came_before() -> None:
    stream = Stream()
    error = TritonError("broken")
    stream.put(failed("first"), final=False)
    stream.put(None, final=True, error=error)
    stream.put(failed("too late"), final=False)
    assert [message.error_message async for message in stream.messages()] == ["first"]
    assert stream.error is error


async def test_a_stream_ends_when_all_that_was_opened_has_ended() -> None:
    stream = Stream()
    stream.opened()
    for final in (False, True, True):
        stream.put(failed("x"), final=final)
    assert len([message async for message in stream.messages()]) == 3


async def test_a_client_that_does_not_read_ends_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "MAX_PENDING_BYTES", 1000)
    stream = Stream()
    for _ in range(50):
        stream.put(failed("x" * 100), final=False)
    await asyncio.sleep(0)
    assert stream.gone
    assert len([message async for message in stream.messages()]) < 10
    assert str(stream.error) == "the client does not read"
