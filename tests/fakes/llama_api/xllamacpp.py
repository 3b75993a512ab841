"""A stand-in for the package xllamacpp: as much of it as infra/local_model/llama.py uses, with an echo for a model.

The prompt's words come back, one a token. A few words are orders: OVERLONG, BROKEN, NOTHING (no end), SLOW (a step
waits until `Server.go_on` is set). The callback is treated as the real one treats it: True ends, exceptions are lost.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SPINS = os.environ.get("GOMP_SPINCOUNT")
"""What OpenMP would read as it is loaded."""


def CommonParams() -> SimpleNamespace:
    part = SimpleNamespace
    return part(model=part(path=""), cpuparams=part(), cpuparams_batch=part())


class Server:
    """`asked`: the bodies it was given."""

    go_on = threading.Event()
    asked: list[dict[str, Any]]
    parameters: Any

    def __init__(self, parameters: Any) -> None:
        file = Path(parameters.model.path)
        if not file.is_file() or file.read_bytes()[:4] != b"GGUF":
            raise RuntimeError("Failed to init server, please check the input params.")
        Server.parameters = parameters
        Server.asked = []

    def handle_completions(self, body: dict[str, Any], callback: Callable[[dict[str, Any]], Any]) -> None:
        Server.asked.append(body)
        prompt = str(body["prompt"])
        said = prompt.split()
        if "OVERLONG" in said:
            _call(
                callback,
                {"error": {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}},
            )
            return
        if "BROKEN" in said:
            _call(callback, {"error": {"code": 500, "type": "server_error", "message": prompt}})
            return
        answered = 0
        for word in said[: body["n_predict"]]:
            if "SLOW" in said:
                Server.go_on.wait(30)
            answered += 1
            if _call(callback, {"choices": [_choice(f"{word} ", body)]}):
                return
        if "NOTHING" in said:
            return
        reason = "length" if answered == body["n_predict"] else "stop"
        counts = {"completion_tokens": answered + (reason == "stop"), "prompt_tokens": len(said)}
        usage = {**counts, "prompt_tokens_details": {"cached_tokens": len(said) - 1}}
        _call(callback, {"choices": [{"text": "", "logprobs": None, "finish_reason": reason}], "usage": usage})


def _choice(text: str, body: dict[str, Any]) -> dict[str, Any]:
    content = {"content": [{"logprob": -0.5}]} if body.get("n_probs") else None
    return {"text": text, "logprobs": content, "finish_reason": None}


def _call(callback: Callable[[dict[str, Any]], Any], said: dict[str, Any]) -> bool:
    with contextlib.suppress(Exception):
        return callback(said) is True
    return False
