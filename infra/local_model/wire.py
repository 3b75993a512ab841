"""Requests and responses of Triton's gRPC protocol to and from the tensors of the local model. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from tritonclient.grpc import service_pb2
from tritonclient.utils import (
    InferenceServerException,
    deserialize_bytes_tensor,
    np_to_triton_dtype,
    serialize_byte_tensor,
    triton_to_np_dtype,
)

from infra.local_model.backend import InferenceResponse, Tensor


class BadRequest(Exception):
    """The message is no request that the model can read; the text goes to the client."""


def input_tensors(request: Any, declared: Mapping[str, str]) -> dict[str, Tensor]:
    """The inputs of a ModelInferRequest. `declared`: the model's inputs and their types. Raises BadRequest."""
    if len(request.raw_input_contents) != len(request.inputs):
        raise BadRequest("inputs are expected as raw contents, one for each")
    tensors = {}
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        if declared.get(tensor.name) != tensor.datatype:
            raise BadRequest(f"unexpected inference input '{tensor.name}' of type {tensor.datatype}")
        tensors[tensor.name] = Tensor(tensor.name, _array(tensor, raw))
    return tensors


def parameters_of(request: Any) -> dict[str, object]:
    """The parameters of a ModelInferRequest."""
    return {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in request.parameters.items()}


def inferred(model: str, request_id: str, response: InferenceResponse) -> Any:
    """A ModelStreamInferResponse with the tensors of `response`."""
    message = service_pb2.ModelInferResponse(model_name=model, model_version="1", id=request_id)
    for tensor in response.tensors:
        values = tensor.as_numpy()
        datatype = np_to_triton_dtype(values.dtype)
        message.outputs.add(name=tensor.name(), datatype=datatype, shape=values.shape)
        message.raw_output_contents.append(_raw(values, datatype))
    return service_pb2.ModelStreamInferResponse(infer_response=message)


def failed(text: str) -> Any:
    """A ModelStreamInferResponse that is an error, for clients that read errors in the stream."""
    return service_pb2.ModelStreamInferResponse(error_message=text)


def _array(tensor: Any, raw: bytes) -> Any:
    if any(size < 0 for size in tensor.shape):
        raise BadRequest(f"input '{tensor.name}' has a shape below 0")
    try:
        if tensor.datatype == "BYTES":
            values = deserialize_bytes_tensor(raw)
        else:
            values = np.frombuffer(raw, dtype=triton_to_np_dtype(tensor.datatype))
        return values.reshape(tuple(tensor.shape))
    except (InferenceServerException, struct.error, ValueError, TypeError, OverflowError):
        raise BadRequest(f"input '{tensor.name}' is not what its type and shape say") from None


def _raw(values: Any, datatype: str) -> bytes:
    if datatype == "BYTES":
        serialized = serialize_byte_tensor(values)
        return bytes(serialized.item()) if serialized.size else b""
    return bytes(values.tobytes())
