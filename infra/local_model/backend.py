"""What Triton's Python backend gives a model (`triton_python_backend_utils`), for a process without Triton.

As much of it as our models use, with the same names and meanings, so that a model's code is the same in both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy.typing as npt

TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1
Array = npt.NDArray[Any]


class TritonError(Exception):
    """An error as a model answers it."""

    INVALID_ARG = "INVALID_ARGUMENT"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"
    NOT_FOUND = "NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"

    def __init__(self, message: str, code: str = INTERNAL) -> None:
        super().__init__(message)
        self.code = code


class Tensor:
    """A named array."""

    def __init__(self, name: str, values: Array) -> None:
        self._name = name
        self._values = values

    def name(self) -> str:
        return self._name

    def as_numpy(self) -> Array:
        return self._values


class InferenceResponse:
    """Tensors, or an error."""

    def __init__(self, output_tensors: Sequence[Tensor] = (), error: TritonError | None = None) -> None:
        self.tensors = tuple(output_tensors)
        self.error = error


class ResponseSender:
    """`deliver(response, is_final)` is called once for each response, from any thread."""

    def __init__(
        self, deliver: Callable[[InferenceResponse | None, bool], None], is_cancelled: Callable[[], bool]
    ) -> None:
        self._deliver = deliver
        self._is_cancelled = is_cancelled

    def send(self, response: InferenceResponse | None = None, flags: int = 0) -> None:
        self._deliver(response, bool(flags & TRITONSERVER_RESPONSE_COMPLETE_FINAL))

    def is_cancelled(self) -> bool:
        return self._is_cancelled()


class InferenceRequest:
    """One request as a model reads it."""

    def __init__(
        self,
        request_id: str,
        inputs: Mapping[str, Tensor],
        outputs: Sequence[str],
        parameters: Mapping[str, object],
        sender: ResponseSender,
    ) -> None:
        self._request_id = request_id
        self.inputs = inputs
        self._outputs = list(outputs)
        self._parameters = dict(parameters)
        self._sender = sender

    def request_id(self) -> str:
        return self._request_id

    def requested_output_names(self) -> list[str]:
        return self._outputs

    def parameters(self) -> str:
        return json.dumps(self._parameters)

    def get_response_sender(self) -> ResponseSender:
        return self._sender


def get_input_tensor_by_name(request: InferenceRequest, name: str) -> Tensor | None:
    return request.inputs.get(name)


def install() -> None:
    """Let models find this as `triton_python_backend_utils`."""
    module = ModuleType("triton_python_backend_utils")
    module.__dict__.update({name: value for name, value in globals().items() if not name.startswith("_")})
    sys.modules["triton_python_backend_utils"] = module
