"""What gRPC and Triton say, in the words of our port. Triton's text may quote the request: it is never passed on."""

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

# Parts of messages measured on Triton 2.51, tried in this order: several statuses share INTERNAL or UNAVAILABLE.
_BY_TEXT: tuple[tuple[str, type[EngineError], str], ...] = (
    ("has no available versions", EngineUnavailable, "Triton is draining"),
    ("Server exiting", EngineUnavailable, "Triton is draining"),
    ("Exceeds maximum queue size", EngineOverloaded, "Triton's queue is full"),
    ("Request for unknown model", EngineRejected, "Triton does not have this model"),
    ("unexpected shape", EngineRejected, "Triton refuses the shape of a tensor: check the model's dialect"),
    ("unexpected inference input", EngineRejected, "Triton refuses a tensor: check the model's dialect"),
)
_BY_STATUS: dict[grpc.StatusCode, tuple[type[EngineError], str]] = {
    grpc.StatusCode.UNAVAILABLE: (EngineUnavailable, "Triton cannot be reached or went away"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (EngineOverloaded, "Triton is overloaded"),
    grpc.StatusCode.INVALID_ARGUMENT: (EngineRejected, "Triton refuses the request"),
    grpc.StatusCode.NOT_FOUND: (EngineRejected, "Triton does not have this model"),
    grpc.StatusCode.UNAUTHENTICATED: (EngineRejected, "Triton refuses our credentials"),
    grpc.StatusCode.PERMISSION_DENIED: (EngineRejected, "Triton refuses our credentials"),
    grpc.StatusCode.UNIMPLEMENTED: (
        EngineRejected,
        "Triton's model does not stream (it is not decoupled)",
    ),
    grpc.StatusCode.CANCELLED: (EngineFailed, "Triton cancelled the request"),
}


def engine_error(status: grpc.StatusCode | None, text: str, total_s: float) -> EngineError:
    """The error of a failed call. `status` None: an error told inside the stream, where only the text tells."""
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return EngineTimeout("total", total_s)
    for part, kind, said in _BY_TEXT:
        if part in text:
            return kind(said)
    if status in _BY_STATUS:
        kind, said = _BY_STATUS[status]
        return kind(said)
    return EngineFailed(f"Triton's model failed ({status.name if status else 'in-band error'})")
