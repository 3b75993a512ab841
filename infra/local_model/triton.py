"""The Python backend models `tensorrt_llm_bls` and `tensorrt_llm`: one programme, two tensor contracts.

Runs inside Triton's stub process. Each request is answered through its response sender by the one scheduler thread;
`execute` returns at once.
"""

from __future__ import annotations

import codecs
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
import triton_python_backend_utils as pb_utils

from infra.local_model.generation import Answer, Knobs, Scheduler, compute
from infra.local_model.prompts import Vocabulary
from infra.local_model.tensors import BadTensor, flag, number, one_string, schema_of, strings

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
DEFAULT_LLMAPI_MAX_TOKENS = 32
"""What the LLM API takes when a request names none."""


class _Model(ABC):
    """What both contracts share. Triton calls initialize, execute and finalize."""

    def initialize(self, args: dict[str, str]) -> None:
        self._vocabulary = Vocabulary()
        self._scheduler = Scheduler()
        self._scheduler.start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            sender = request.get_response_sender()
            try:
                self._begin(request, sender)
            except BadTensor as refusal:
                error = pb_utils.TritonError(str(refusal), pb_utils.TritonError.INVALID_ARG)
                sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)

    def finalize(self) -> None:
        self._scheduler.close()

    @abstractmethod
    def _begin(self, request: Any, sender: Any) -> None:
        """Read one request and hand it to the scheduler. Raises BadTensor."""

    def _report(self) -> Answer:
        """How many other answers are running: tests see by it that a cancel has arrived."""
        return Answer((str(self._scheduler.running - 1).encode(),), 0, "stop")


class TrtllmEngineModel(_Model):
    """The legacy contract: a batch dimension, deltas, stop words included, an empty final response."""

    def _begin(self, request: Any, sender: Any) -> None:
        prompt = one_string(request, "text_input")
        max_tokens = number(request, "max_tokens", None)
        stops, seed = strings(request, "stop_words"), number(request, "seed", None)
        schema = schema_of(request)

        def answered() -> Answer:
            if knobs.report_running:
                return self._report()
            made = compute(
                self._vocabulary,
                prompt,
                max_tokens=int(max_tokens),
                stops=stops,
                seed=seed,
                keep_stop=True,
                schema=schema,
            )
            sink.refuses = made.refuses
            return made

        if max_tokens is None or max_tokens <= 0:
            raise BadTensor("max_tokens must be greater than 0")
        knobs = _knobs(request)
        sink = _EngineSink(request, sender, lambda: self._vocabulary.count(prompt), empty_final=bool(knobs.empty_final))
        self._scheduler.submit(answered, sink, knobs)


class LlmApiModel(_Model):
    """The LLM API's contract: no batch dimension, the whole text each time, finish reasons, stop requests."""

    def initialize(self, args: dict[str, str]) -> None:
        super().initialize(args)
        self._running: dict[str, _LlmApiSink] = {}

    def _begin(self, request: Any, sender: Any) -> None:
        request_id = request.request_id()
        if flag(request, "stop"):
            self._stop(request_id, sender)
            return
        prompt = one_string(request, "text_input")
        max_tokens = number(request, "sampling_param_max_tokens", DEFAULT_LLMAPI_MAX_TOKENS)
        stops = strings(request, "sampling_param_stop")
        seed = number(request, "sampling_param_seed", None)
        if max_tokens <= 0:
            raise BadTensor("max_tokens must be greater than 0")
        knobs = _knobs(request)
        sink = _LlmApiSink(request, sender, lambda: self._running.pop(request_id, None))

        def answered() -> Answer:
            if knobs.report_running:
                return self._report()
            made = compute(self._vocabulary, prompt, max_tokens=max_tokens, stops=stops, seed=seed, keep_stop=False)
            sink.reason = made.finish_reason
            return made

        if request_id:
            self._running[request_id] = sink
        self._scheduler.submit(answered, sink, knobs)

    def _stop(self, request_id: str, sender: Any) -> None:
        if not request_id:
            raise BadTensor("a stop request needs a request id")
        if (sink := self._running.get(request_id)) is not None:
            sink.stopped = True
        error = pb_utils.TritonError("Request cancelled by client", pb_utils.TritonError.CANCELLED)
        sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)


class _TritonSink:
    """A response sender as the scheduler's Sink."""

    def __init__(self, request: Any, sender: Any) -> None:
        self._wanted = frozenset(request.requested_output_names())
        self._sender = sender

    def cancelled(self) -> bool:
        return bool(self._sender.is_cancelled())

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        error = pb_utils.TritonError(message, getattr(pb_utils.TritonError, code))
        self._sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)

    def _respond(self, values: dict[str, Any], *, final: bool) -> None:
        tensors = [pb_utils.Tensor(name, value) for name, value in values.items() if name in self._wanted]
        self._sender.send(pb_utils.InferenceResponse(output_tensors=tensors), flags=FINAL if final else 0)


class _EngineSink(_TritonSink):
    """Deltas; the end is a response without outputs, as the BLS model sends it, unless told otherwise."""

    def __init__(self, request: Any, sender: Any, count_prompt: Callable[[], int], *, empty_final: bool) -> None:
        super().__init__(request, sender)
        self.refuses = False
        self._logprobs = flag(request, "return_log_probs")
        self._empty_final = empty_final
        self._count_prompt = count_prompt
        self._prompt_tokens: int | None = None

    def send(self, tokens: tuple[bytes, ...], *, last: bool) -> None:
        if self._prompt_tokens is None:
            self._prompt_tokens = self._count_prompt() if "num_input_tokens" in self._wanted else 0
        values = {
            "refusal_output" if self.refuses else "text_output": np.array([[b"".join(tokens)]], dtype=np.object_),
            "num_input_tokens": np.array([[self._prompt_tokens]], dtype=np.int32),
            "num_output_tokens": np.array([[len(tokens)]], dtype=np.int32),
        }
        if self._logprobs:
            values["output_log_probs"] = np.array([[[*map(_logprob, tokens)]]], dtype=np.float32)
        self._respond(values, final=last and not self._empty_final)
        if last and self._empty_final:
            self._sender.send(flags=FINAL)


class _LlmApiSink(_TritonSink):
    """The whole text so far, with U+FFFD where a character is unfinished; the last one says why it ends."""

    def __init__(self, request: Any, sender: Any, forget: Callable[[], object]) -> None:
        super().__init__(request, sender)
        self._text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._forget = forget
        self.reason = "stop"
        self.stopped = False

    def cancelled(self) -> bool:
        return self.stopped or super().cancelled()

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        self._forget()
        super().fail(message, code)

    def send(self, tokens: tuple[bytes, ...], *, last: bool) -> None:
        self._text += self._decoder.decode(b"".join(tokens))
        unfinished = "\ufffd" if self._decoder.getstate()[0] else ""
        reason = self.reason if last else "None"
        if last:
            self._forget()
        self._respond(
            {
                "text_output": np.array([(self._text + unfinished).encode()], dtype=np.object_),
                "finish_reason": np.array([reason.encode()], dtype=np.object_),
                "stop_reason": np.array([b"None"], dtype=np.object_),
                "cumulative_logprob": np.array([0.0], dtype=np.float32),
            },
            final=last,
        )


def _logprob(token: bytes) -> float:
    """How probable a token is said to be: always the same, and not the same for all. A multiple of 1/1024."""
    return -(crc32(token) % 2048) / 1024


def _knobs(request: Any) -> Knobs:
    parameters = json.loads(request.parameters() or "{}")
    return Knobs.of(parameters if isinstance(parameters, dict) else {})
