"""Reading the responses of one streamed request, on the hot path: raw tensors, no numpy."""

from __future__ import annotations

from typing import Any

from inference_workers.engines.triton_dialects import Contract, derived_finish, told_finish
from inference_workers.ports import Delta, EngineFailed, EngineRequest, Finish, FinishReason
from inference_workers.stops import StopScanner
from inference_workers.text import GrowingText, TextChanged, Utf8Pieces


class ResponseReader:
    """Responses in, Deltas and the Finish out. `ended`: the answer is complete, whatever the engine still sends."""

    def __init__(self, contract: Contract, request: EngineRequest) -> None:
        self._told_reasons = "finish_reason" in contract.outputs
        self._max_tokens = request.max_tokens
        self._text_mode = request.model.text_mode
        self._pieces = Utf8Pieces()
        self._growing = GrowingText()
        self._stops = StopScanner(request.sampling.stop)
        self._places: dict[str, int] | None = None
        self._responses = 0
        self._tokens = 0
        self._unsent_tokens = 0
        self._prompt_tokens: int | None = None
        self._counted = False
        self._reason: FinishReason | None = None
        self.ended = False

    def feed(self, response: Any) -> Delta | None:
        """The new text of a ModelInferResponse; None if nothing may leave yet. Raises EngineError."""
        if not response.outputs:
            return None  # an empty final response: an end marker, no token
        tokens = self._count(response)
        self._responses += 1
        self._tokens += tokens
        self._unsent_tokens += tokens
        text = self._stops.feed(self._new_text(response))
        if self._told_reasons:
            told = self._raw(response, "finish_reason")
            self._reason = told_finish(None if told is None else told[4:]) or self._reason
        if self._stops.stopped:
            self.ended = True
        return self._delta(text)

    def finish(self) -> tuple[Delta | None, Finish]:
        """What was held back, and the end. Raises EngineFailed if there was no response at all."""
        if not self._responses:
            raise EngineFailed("Triton ended the stream without a response")
        rest = ""
        if not self._stops.stopped:
            tail = self._growing.flush() if self._text_mode == "cumulative" else self._pieces.flush()
            rest = self._stops.feed(tail) + self._stops.flush()
        stopped = self._stops.stopped
        reason = "stop" if stopped else self._reason
        if reason is None:
            reason = derived_finish(stopped=stopped, tokens=self._tokens, max_tokens=self._max_tokens)
        return self._delta(rest), Finish(reason, self._prompt_tokens, self._tokens if self._counted else None)

    def raw_text(self, response: Any) -> bytes:
        """The bytes of text_output as they came; b"" without that output."""
        raw = self._raw(response, "text_output")
        return b"" if raw is None else raw[4:]

    def _delta(self, text: str) -> Delta | None:
        if not text:
            return None
        tokens, self._unsent_tokens = self._unsent_tokens, 0
        return Delta(text, tokens)

    def _new_text(self, response: Any) -> str:
        raw = self.raw_text(response)
        if self._text_mode == "delta":
            return self._pieces.feed(raw)
        try:
            return self._growing.feed(raw.decode("utf-8", "replace"))
        except TextChanged:
            raise EngineFailed(
                "Triton's model changed text it had sent: text_mode in models.toml should probably be delta"
            ) from None

    def _count(self, response: Any) -> int:
        """Tokens of this response; one where the contract does not tell."""
        prompt = self._raw(response, "num_input_tokens")
        if prompt is not None and self._prompt_tokens is None:
            self._prompt_tokens = int.from_bytes(prompt[:4], "little")
        told = self._raw(response, "num_output_tokens")
        if told is None:
            return 1
        self._counted = True
        return int.from_bytes(told[:4], "little")

    def _raw(self, response: Any, name: str) -> bytes | None:
        """The raw bytes of an output (strings with their 4-byte length in front), None if the response lacks it."""
        places = self._places
        if places is None or len(places) != len(response.outputs):
            places = self._places = {output.name: place for place, output in enumerate(response.outputs)}
        place = places.get(name)
        contents = response.raw_output_contents
        return bytes(contents[place]) if place is not None and place < len(contents) else None
