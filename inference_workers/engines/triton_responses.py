"""Reading the responses of one streamed request, on the hot path: raw tensors, no numpy."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from inference_workers.endings import checked_end
from inference_workers.engines.text_parts import TextParts
from inference_workers.engines.triton_dialects import (
    CACHED_BLOCKS,
    LOGPROBS,
    REFUSAL,
    Contract,
    derived_finish,
    told_finish,
)
from inference_workers.ports import Delta, EngineFailed, EngineRequest, Finish, FinishReason, Refusal
from inference_workers.stops import StopScanner
from inference_workers.text import GrowingText, HalfCharacters, TextChanged, Utf8Pieces

COUNT_SLACK = 64
"""How far an engine's count of the tokens of an answer may go beyond max_tokens."""


class ResponseReader:
    """Responses in, Deltas and the Finish out. `ended`: the answer is complete, whatever the engine still sends."""

    def __init__(self, contract: Contract, request: EngineRequest) -> None:
        self._told_reasons = "finish_reason" in contract.outputs
        self._refuses = REFUSAL in contract.outputs
        self._refused = False
        self._wants_logprobs = contract.tells_logprobs and request.sampling.top_logprobs is not None
        self._request = request
        self._max_tokens = request.max_tokens
        self._text_mode = request.model.text_mode
        self._pieces = Utf8Pieces()
        self._halves = HalfCharacters()
        self._growing = GrowingText()
        self._stops = StopScanner(request.sampling.stop)
        self._places: dict[str, int] | None = None
        self._responses = 0
        self._tokens = 0
        self._unsent_tokens = 0
        self._prompt_tokens: int | None = None
        self._tokens_a_block = contract.tokens_a_block
        self._cached_tokens: int | None = None
        self._counted: bool | None = None
        self._logprob: float | None = None  # of tokens whose text has not left
        self._error: EngineFailed | None = None
        self._reason: FinishReason | None = None
        self.ended = False

    def feed(self, response: Any) -> Delta | Refusal | None:
        """The new text of a ModelInferResponse; None if nothing may leave yet. Raises EngineError."""
        if not response.outputs:
            return None  # an empty final response: an end marker, no token
        tokens = self._count(response)
        self._responses += 1
        self._tokens += tokens
        self._unsent_tokens += tokens
        if self._refuses and (refused := self._raw(response, REFUSAL)) is not None:
            self._refused = True
            if not (words := self._pieces.feed(refused[4:])):
                return None
            tokens, self._unsent_tokens = self._unsent_tokens, 0
            return Refusal(words, tokens)
        if self._wants_logprobs:
            self._add_logprob(response)
        text = self._stops.feed(self._new_text(response))
        if self._told_reasons:
            told = self._raw(response, "finish_reason")
            try:
                self._reason = told_finish(None if told is None else told[4:]) or self._reason
            except EngineFailed as error:
                # Raised at the end, behind the text that came with it.
                self._error, self.ended = error, True
        if self._stops.stopped:
            self.ended = True
        return self._delta(text)

    def rest(self) -> Delta | None:
        """What was held back, at the end."""
        if self._stops.stopped:
            return None
        if self._text_mode == "cumulative":
            tail = self._growing.flush()
        else:
            tail = self._halves.feed(self._pieces.flush()) + self._halves.flush()
        return self._delta(self._stops.feed(tail) + self._stops.flush())

    def finish(self, parts: TextParts) -> Finish:
        """The end, after `rest`, of an answer of these parts. Raises EngineFailed if it was no good one."""
        if self._error is not None:
            raise self._error
        if not self._responses:
            raise EngineFailed("Triton ended the stream without a response")
        stopped = self._stops.stopped
        if self._told_reasons and self._reason is None and not stopped:
            raise EngineFailed("Triton ended the stream without a finish reason")
        reason = "stop" if stopped else self._reason
        if reason is None:
            reason = derived_finish(stopped=stopped, tokens=self._tokens, max_tokens=self._max_tokens)
        completion = self._tokens if self._counted else None
        finish = Finish(reason, self._prompt_tokens, completion, self._cached_tokens)
        return checked_end(
            self._request,
            finish,
            answered=parts.answered or self._refused,
            thought=parts.thought or (reason == "length" and self._tokens > 0),
            called=parts.called,
        )

    def raw_text(self, response: Any) -> bytes:
        """The bytes of text_output as they came; b"" without that output."""
        raw = self._raw(response, "text_output")
        return b"" if raw is None else raw[4:]

    def _delta(self, text: str) -> Delta | None:
        if not text:
            return None
        tokens, self._unsent_tokens = self._unsent_tokens, 0
        return Delta(text, tokens, None, self._told_logprob(text))

    def _add_logprob(self, response: Any) -> None:
        raw = self._raw(response, LOGPROBS)
        if raw is not None and raw and len(raw) % 4 == 0:
            told = sum(struct.unpack(f"<{len(raw) // 4}f", raw))
            self._logprob = told + (self._logprob or 0.0)

    def _told_logprob(self, text: str) -> str:
        """The contract says how probable the tokens were, and not which text each of them has: they are one entry."""
        told, self._logprob = self._logprob, None
        if told is None or not math.isfinite(told):
            return ""
        entry = {"token": text, "logprob": told, "bytes": list(text.encode("utf-8", "replace")), "top_logprobs": []}
        return json.dumps([entry])

    def _new_text(self, response: Any) -> str:
        raw = self.raw_text(response)
        if self._text_mode == "delta":
            return self._halves.feed(self._pieces.feed(raw))
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
            if self._tokens_a_block and (blocks := self._raw(response, CACHED_BLOCKS)) is not None:
                self._cached_tokens = int.from_bytes(blocks[:4], "little") * self._tokens_a_block
        told = self._raw(response, "num_output_tokens")
        if told is None:
            return 1
        tokens = int.from_bytes(told[:4], "little")
        if self._tokens + tokens > self._max_tokens + COUNT_SLACK:
            self._counted = False  # no count of this engine is believed any more
            return 1
        self._counted = self._counted is not False
        return tokens

    def _raw(self, response: Any, name: str) -> bytes | None:
        """The raw bytes of an output (strings with their 4-byte length in front), None if the response lacks it."""
        places = self._places
        if places is None or len(places) != len(response.outputs):
            places = self._places = {output.name: place for place, output in enumerate(response.outputs)}
        place = places.get(name)
        contents = response.raw_output_contents
        return bytes(contents[place]) if place is not None and place < len(contents) else None
