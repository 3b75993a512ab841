"""The byte shapes of OpenAI's Chat Completions: chunks, the whole completion, usage, models. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from api.streaming.endings import Ending
from api.streaming.pieces import Piece, PlacedPiece, parts_said
from infra.models.catalogue import EmbeddingSpec, ModelSpec
from schemas.generation import Turn
from schemas.price import Price, Usage

DONE = b"data: [DONE]\n\n"
CANCELLED = "The generation was cancelled before it had finished."


def completion_id(generation_id: str) -> str:
    return "chatcmpl-" + generation_id.replace("-", "")


def completion_usage(usage: Usage) -> dict[str, Any]:
    """Usage as OpenAI says it; `estimated`, which is ours, only where it is so."""
    said: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    return said | {"estimated": True} if usage.estimated else said


def finish_reason_of(ending: Ending) -> str:
    """OpenAI's word for an ending that is not an error."""
    if ending.finish_reason == "budget":
        return "length"
    return "content_filter" if ending.status == "refused" else ending.finish_reason


def model_object(spec: ModelSpec | EmbeddingSpec, created_s: int) -> dict[str, Any]:
    """A model as OpenAI says it. Ours are `kind`, of those that make embeddings, and of a deprecated name that it is
    one, and what its tokens cost."""
    said = {"id": spec.id, "object": "model", "created": created_s, "owned_by": spec.owned_by}
    if isinstance(spec, EmbeddingSpec):
        return said | {"kind": "embedding"}
    return said | {"deprecated": True, "price": _per_million(spec.price)} if spec.deprecated else said


def _per_million(price: Price) -> dict[str, Any]:
    return {
        "currency": price.currency,
        "input": price.input_micros_per_million / 1e6,
        "output": price.output_micros_per_million / 1e6,
    }


def sum_of(usages: Sequence[Usage]) -> Usage:
    """What several answers took together: each is billed for its prompt and its text."""
    if len(usages) == 1:
        return usages[0]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        estimated=any(usage.estimated for usage in usages),
    )


def completion(turn: Turn, started_at_us: int, answered: Sequence[tuple[Sequence[Piece], Ending]]) -> bytes:
    """The answer of a request that does not stream."""
    return orjson.dumps(completion_object(turn, started_at_us, answered))


def completion_object(
    turn: Turn, started_at_us: int, answered: Sequence[tuple[Sequence[Piece], Ending]]
) -> dict[str, Any]:
    """A completion: its choices, by the turn of the first."""
    return {
        "id": completion_id(turn.generation_id),
        "object": "chat.completion",
        "created": started_at_us // 1_000_000,
        "model": turn.model,
        "choices": [choice_of(index, pieces, ending) for index, (pieces, ending) in enumerate(answered)],
        "usage": completion_usage(sum_of([ending.usage for _, ending in answered])),
    }


def choice_of(index: int, pieces: Sequence[Piece], ending: Ending) -> dict[str, Any]:
    """A whole answer as one of the choices of a completion."""
    content, refusal, thought = "", "", ""
    calls: list[dict[str, Any]] = []
    for part in parts_said(pieces):
        match part.kind:
            case "reasoning":
                thought += part.text
            case "refusal":
                refusal += part.text
            case "tool_call":
                function = {"name": part.name, "arguments": part.text}
                calls.append({"id": part.call_id, "type": "function", "function": function})
            case "text":
                content += part.text
    if not refusal and ending.status == "refused" and ending.failure:
        refusal = ending.failure.message
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content if content or not (calls or refusal) else None,
        "refusal": refusal or None,
    }
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(pieces),
        "finish_reason": finish_reason_of(ending),
    }


def _logprobs(pieces: Sequence[Piece]) -> dict[str, Any] | None:
    """Of all tokens of the answer's text; None where the engine gave none."""
    told = [orjson.loads(piece.logprobs) for piece in pieces if isinstance(piece, PlacedPiece) and piece.logprobs]
    return {"content": [token for tokens in told for token in tokens], "refusal": None} if told else None


class ChoiceFrames:
    """The dialect of one choice of a streamed completion: bare `data:` lines; with `include_usage` a last one holds the
    usage. As Frames, of a completion of that one choice."""

    def __init__(self, include_usage: bool = False, index: int = 0) -> None:
        self._include_usage = include_usage
        self._index = index

    def start(self, turn: Turn, started_at_us: int) -> bytes:
        """The choice's first event. `turn`: of the first choice, by which all are named."""
        head = {
            "id": completion_id(turn.generation_id),
            "object": "chat.completion.chunk",
            "created": started_at_us // 1_000_000,
            "model": turn.model,
        }
        self._head = b"data: " + orjson.dumps(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if self._include_usage else b"]}\n\n"
        self._opening = self._head + b'{"index":%d,"delta":{' % self._index
        self._prefix = self._opening + b'"content":'
        self._suffix = b'},"logprobs":null,"finish_reason":null}' + self._tail
        return self._choice({"role": "assistant", "content": ""}, None)

    def chunks(self, pieces: Sequence[Piece], first: int, stop: int) -> list[bytes]:
        prefix, suffix = self._prefix, self._suffix
        return [
            prefix + piece + suffix if isinstance(piece, bytes) else self._placed(piece) for piece in pieces[first:stop]
        ]

    def end(self, ending: Ending, seq: int) -> bytes:
        last = self.finish(ending)
        return last if ending.status in ("failed", "cancelled") else last + self.close([ending.usage])

    def finish(self, ending: Ending) -> bytes:
        """The choice's last event; an error is the stream's last."""
        if ending.status == "failed" and ending.failure is not None:
            return _error(ending.failure.message, ending.failure.code)
        if ending.status == "cancelled":
            return _error(CANCELLED, ending.finish_reason)
        return self._choice({}, self._reason(ending))

    def close(self, usages: Sequence[Usage]) -> bytes:
        """The stream's end, after the ends of all choices."""
        if not self._include_usage:
            return DONE
        return self._head + b'],"usage":' + orjson.dumps(completion_usage(sum_of(usages))) + b"}\n\n" + DONE

    def _placed(self, piece: PlacedPiece) -> bytes:
        """The line of a chunk that is no plain text."""
        logprobs = b'{"content":%b,"refusal":null}' % piece.logprobs if piece.logprobs else b"null"
        last = b'},"logprobs":%b,"finish_reason":null}' % logprobs + self._tail
        return self._opening + self._delta(piece) + last

    def _delta(self, piece: PlacedPiece) -> bytes:
        """The members of `delta`: what kind of text it is, or a fragment of a tool call.

        The first fragment of a call has its id and name; later ones repeat neither, or clients would append them.
        """
        match piece.part.kind:
            case "reasoning":
                return b'"reasoning_content":%b' % piece.text
            case "refusal":
                return b'"refusal":%b' % piece.text
            case "tool_call" if piece.opens:
                name = orjson.dumps(piece.part.name)
                called = b'"tool_calls":[{"index":%d,"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}]'
                return called % (piece.call, orjson.dumps(piece.part.call_id), name, piece.text)
            case "tool_call":
                return b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (piece.call, piece.text)
            case _:
                return b'"content":%b' % piece.text

    def _reason(self, ending: Ending) -> str:
        return finish_reason_of(ending)

    def _choice(self, delta: dict[str, str], finish_reason: str | None) -> bytes:
        choice = {"index": self._index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head + orjson.dumps(choice) + self._tail


def _error(message: str, code: str) -> bytes:
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return b"data: " + orjson.dumps({"error": error}) + b"\n\n"
