"""Requests one token from a local Triton model: a "ready" model may still fail at that."""

from __future__ import annotations

import queue
from typing import Any

MODEL = "tensorrt_llm_bls"
TIMEOUT_S = 10.0


def generate_one_token(client: Any, model: str = MODEL) -> None:
    """Stream one token of a model through `client` (a tritonclient.grpc client). Blocking, at most TIMEOUT_S.

    Raises what Triton answered, or queue.Empty when it answered nothing in time.
    """
    import numpy as np
    from tritonclient.grpc import InferInput

    answers: queue.Queue[tuple[Any, Exception | None]] = queue.Queue(maxsize=64)
    inputs = []
    for name, kind, value in (
        ("text_input", "BYTES", np.array([[b"ping"]], dtype=np.object_)),
        ("max_tokens", "INT32", np.array([[1]], dtype=np.int32)),
        ("stream", "BOOL", np.array([[True]])),
    ):
        one = InferInput(name, [1, 1], kind)
        one.set_data_from_numpy(value)
        inputs.append(one)
    client.start_stream(callback=lambda result, error: answers.put((result, error)), stream_timeout=TIMEOUT_S)
    try:
        client.async_stream_infer(model, inputs)
        _, error = answers.get(timeout=TIMEOUT_S)
        if error is not None:
            raise error
    finally:
        client.stop_stream(cancel_requests=True)
