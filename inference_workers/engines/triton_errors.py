"""Maps errors of gRPC and Triton to our errors. Triton's text may quote the request, so it is never passed on."""

from __future__ import annotations

import grpc

from inference_workers.ports import (
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineTimeout,
    EngineUnavailable,
)

_OPERATOR, _TOO_LONG = "engine_misconfigured", "context_length_exceeded"
# Parts of messages measured on Triton 2.51, tried in this order: several statuses share INTERNAL or UNAVAILABLE.
_BY_TEXT: tuple[tuple[str, type[EngineError], str, str], ...] = (
    ("has no available versions", EngineUnavailable, "", "Triton is draining"),
    ("Server exiting", EngineUnavailable, "", "Triton is draining"),
    ("Exceeds maximum queue size", EngineOverloaded, "", "Triton's queue is full"),
    ("Request for unknown model", EngineRejected, _OPERATOR, "Triton does not have this model"),
    ("unexpected shape", EngineRejected, _OPERATOR, "Triton refuses the shape of a tensor: check the model's dialect"),
    ("unexpected inference input", EngineRejected, _OPERATOR, "Triton refuses a tensor: check the model's dialect"),
    # TensorRT-LLM's own words, which come with INTERNAL.
    ("exceeds maximum input length", EngineRejected, _TOO_LONG, "the conversation is longer than the model's context"),
    ("exceeds max_input_len", EngineRejected, _TOO_LONG, "the conversation is longer than the model's context"),
    ("exceeds max_seq_len", EngineRejected, _TOO_LONG, "the conversation is longer than the model's context"),
)
_BY_STATUS: dict[grpc.StatusCode, tuple[type[EngineError], str, str]] = {
    grpc.StatusCode.UNAVAILABLE: (EngineUnavailable, "", "Triton cannot be reached or went away"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (EngineOverloaded, "", "Triton is overloaded"),
    grpc.StatusCode.INVALID_ARGUMENT: (EngineRejected, "invalid_request", "Triton refuses the request"),
    grpc.StatusCode.NOT_FOUND: (EngineRejected, _OPERATOR, "Triton does not have this model"),
    grpc.StatusCode.UNAUTHENTICATED: (EngineRejected, "engine_auth", "Triton refuses our credentials"),
    grpc.StatusCode.PERMISSION_DENIED: (EngineRejected, "engine_auth", "Triton refuses our credentials"),
    grpc.StatusCode.UNIMPLEMENTED: (
        EngineRejected,
        _OPERATOR,
        "Triton's model does not stream (it is not decoupled)",
    ),
    grpc.StatusCode.CANCELLED: (EngineFailed, "", "Triton cancelled the request"),
}
_NOT_TAKEN = ("failed to connect", "errors resolving", "resolution failed", "no available versions", "Server exiting")
"""gRPC's and Triton's words with UNAVAILABLE where no model has seen the request."""


def engine_error(status: grpc.StatusCode | None, text: str, total_s: float) -> EngineError:
    """The error of a failed call. `status` None: an error told inside the stream, where only the text tells."""
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return EngineTimeout("total", total_s)
    for part, kind, code, said in _BY_TEXT:
        if part in text:
            return _made(kind, code, said, text)
    if status in _BY_STATUS:
        kind, code, said = _BY_STATUS[status]
        return _made(kind, code, said, text)
    return EngineFailed(f"Triton's model failed ({status.name if status else 'in-band error'})")


def _made(kind: type[EngineError], code: str, said: str, text: str) -> EngineError:
    if kind is EngineUnavailable:
        return EngineUnavailable(said, accepted=not any(words in text for words in _NOT_TAKEN))
    return kind(said, code=code) if code else kind(said)
