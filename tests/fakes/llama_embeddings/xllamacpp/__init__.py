"""A stand-in for llama.cpp: what `infra.embeddings.gguf_child` uses of it. A text that is an order is obeyed."""

from __future__ import annotations

import os
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

DIMENSIONS = 8
llama_pooling_type = SimpleNamespace(LLAMA_POOLING_TYPE_MEAN=1, LLAMA_POOLING_TYPE_CLS=2, LLAMA_POOLING_TYPE_LAST=3)


class CommonParams(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


class Server:
    """Takes files whose content is `model`."""

    def __init__(self, params: Any) -> None:
        self._tokens = params.n_ubatch
        self._pooling = getattr(params, "pooling_type", 0)
        with open(params.model.path, "rb") as file:
            if file.read() != b"model":
                raise RuntimeError("no model")

    def handle_embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        texts = body["input"]
        if texts[0] == "DIE":
            os._exit(3)
        if texts[0] == "DIE ONCE" and not os.path.exists(os.environ["DIED"]):
            with open(os.environ["DIED"], "w"):
                os._exit(3)
        if texts[0] == "FAIL":
            return {"error": {"code": 500, "message": "secret", "type": "server_error"}}
        if texts[0] == "HANG":
            os.read(0, 1)
        for text in texts:
            if (tokens := len(text.split())) > self._tokens:
                return {"error": {"code": 500, "message": f"input ({tokens} tokens) is too large to process"}}
        print("noise on the standard output")
        data = [{"index": n, "embedding": self._vector(text)} for n, text in enumerate(texts)]
        tokens = sum(max(len(text.split()), 1) for text in texts)
        return {"object": "list", "data": data, "usage": {"prompt_tokens": tokens}}

    def _vector(self, text: str) -> list[float]:
        return [byte / 16 - 7 + self._pooling for byte in sha256(text.encode()).digest()[:DIMENSIONS]]
