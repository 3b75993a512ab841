"""The Python-backend model of a GGUF file: TensorRT-LLM's legacy tensor contract, answered by llama.cpp.

Runs inside Triton's stub process, or in the plain process that stands in for Triton. As many threads as the model has
slots take requests from one bounded queue; `execute` returns at once. Deltas leave as they are made; counts come with
the last of them.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from infra.local_model.llama import Asked, LlamaEngine, LlamaError, LlamaSettings, Piece, Refused
from infra.local_model.tensors import BadTensor, flag, number, one_string, schema_of, strings

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
MAX_WAITING = 256
"""Requests that wait for a slot; more are refused in Triton's own words for a full queue."""
CANCEL_POLL_S = 0.05
"""Asking whether a request was cancelled takes 75 µs in Triton."""


class GgufModel:
    """Triton calls initialize, execute and finalize."""

    def initialize(self, args: dict[str, str]) -> None:
        said = json.loads(args["model_config"])["parameters"]

        def parameter(name: str) -> str:
            return str(said[name]["string_value"])

        settings = LlamaSettings(
            file=Path(parameter("gguf")),
            context_tokens=int(parameter("context_tokens")),
            slots=int(parameter("slots")),
            threads=int(parameter("threads")),
        )
        self._engine = LlamaEngine(settings, Path(parameter("packages")))
        self._waiting: queue.Queue[tuple[Asked, _Sink] | None] = queue.Queue(MAX_WAITING)
        self._threads = [
            threading.Thread(target=self._serve, name=f"slot-{n}", daemon=True) for n in range(settings.slots)
        ]
        for thread in self._threads:
            thread.start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            sink = _Sink(request)
            try:
                self._waiting.put_nowait((_asked(request), sink))
            except BadTensor as refusal:
                sink.fail(str(refusal), pb_utils.TritonError.INVALID_ARG)
            except queue.Full:
                sink.fail("Exceeds maximum queue size", pb_utils.TritonError.INTERNAL)

    def finalize(self) -> None:
        """Answers that run get no end."""
        for _ in self._threads:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                break
        self._engine.close()

    def _serve(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            asked, sink = waiting
            try:
                self._answer(asked, sink)
            except Exception as error:
                sink.fail(f"the engine failed ({type(error).__name__})", pb_utils.TritonError.INTERNAL)

    def _answer(self, asked: Asked, sink: _Sink) -> None:
        if sink.is_cancelled():
            sink.fail("the request was cancelled", pb_utils.TritonError.CANCELLED)
            return
        try:
            end = self._engine.generate(asked, sink.take)
        except Refused as refusal:
            sink.fail(str(refusal), pb_utils.TritonError.INVALID_ARG)
        except LlamaError as error:
            sink.fail(str(error), pb_utils.TritonError.INTERNAL)
        else:
            if end.reason == "cancelled":
                sink.fail("the request was cancelled", pb_utils.TritonError.CANCELLED)
                return
            # The contract has no reason: as many tokens as were asked for mean that there would have been more.
            at_most = asked.max_tokens - 1 if end.reason == "stop" else asked.max_tokens
            sink.end(end.prompt_tokens, end.cached_tokens, min(end.completion_tokens, at_most))


class _Sink:
    """A response sender: deltas, then the counts, then an empty final response, as the BLS model sends it."""

    def __init__(self, request: Any) -> None:
        self._wanted = frozenset(request.requested_output_names())
        self._sender = request.get_response_sender()
        self._tokens = 0
        self._asked_at = time.monotonic()

    def take(self, piece: Piece) -> bool:
        """Send a piece. True once the request was cancelled, which is looked at every CANCEL_POLL_S."""
        self._tokens += 1
        values = {"text_output": _text(piece.text), "num_output_tokens": _count(1)}
        if piece.logprob is not None:
            values["output_log_probs"] = np.array([[[piece.logprob]]], dtype=np.float32)
        self._respond(values)
        now = time.monotonic()
        if now - self._asked_at < CANCEL_POLL_S:
            return False
        self._asked_at = now
        return self.is_cancelled()

    def end(self, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> None:
        counts = {
            "text_output": _text(""),
            "num_input_tokens": _count(prompt_tokens),
            "num_output_tokens": _count(max(completion_tokens - self._tokens, 0)),
            "kv_cache_reused_blocks": _count(cached_tokens),
        }
        self._respond(counts)
        self._sender.send(flags=FINAL)

    def fail(self, message: str, code: Any) -> None:
        self._sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code)), flags=FINAL)

    def is_cancelled(self) -> bool:
        return bool(self._sender.is_cancelled())

    def _respond(self, values: dict[str, Any]) -> None:
        tensors = [pb_utils.Tensor(name, value) for name, value in values.items() if name in self._wanted]
        self._sender.send(pb_utils.InferenceResponse(output_tensors=tensors))


def _asked(request: Any) -> Asked:
    """Raises BadTensor."""
    max_tokens = number(request, "max_tokens", None)
    if max_tokens is None or max_tokens <= 0:
        raise BadTensor("max_tokens must be greater than 0")
    return Asked(
        prompt=one_string(request, "text_input"),
        max_tokens=int(max_tokens),
        stops=tuple(filter(None, strings(request, "stop_words"))),
        seed=number(request, "seed", None),
        temperature=number(request, "temperature", None),
        top_p=number(request, "top_p", None),
        top_k=number(request, "top_k", None),
        repetition_penalty=number(request, "repetition_penalty", None),
        frequency_penalty=number(request, "frequency_penalty", None),
        presence_penalty=number(request, "presence_penalty", None),
        schema=schema_of(request),
        logprobs=flag(request, "return_log_probs"),
    )


def _text(text: str) -> Any:
    return np.array([[text.encode()]], dtype=np.object_)


def _count(count: int) -> Any:
    return np.array([[count]], dtype=np.int32)
