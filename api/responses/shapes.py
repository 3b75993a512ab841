"""The byte shapes of a response: its ids, the object, its usage. Pure.

A response is a generation. All of it is a function of the generation's command, chunks and end, so the same response is
the same bytes whenever it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from api.streaming.endings import Ending
from schemas.price import Usage

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"]
RESPONSE_PREFIX: Final = "resp_"
CONVERSATION_PREFIX: Final = "conv_"
_UUID_DIGITS = re.compile("[0-9a-f]{32}", re.ASCII)
_INCOMPLETE: Mapping[str, str] = {
    "length": "max_output_tokens",
    "budget": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Finish reasons of an answer that is not whole, in the words of `incomplete_details.reason`."""
_CODES: Mapping[str, str] = {
    "engine_overloaded": "rate_limit_exceeded",
    "content_filter": "invalid_prompt",
    "context_length_exceeded": "invalid_prompt",
    "invalid_request": "invalid_prompt",
}
"""Our failures in the closed list of error codes that clients know; every other is `server_error`."""


def response_id(generation_id: str) -> str:
    """The id under which a generation is a response."""
    return RESPONSE_PREFIX + generation_id.replace("-", "")


def generation_of(response: str) -> str | None:
    """The generation of a response id; None for what is no such id."""
    return _uuid_behind(response, RESPONSE_PREFIX)


def conversation_id_shown(conversation_id: str) -> str:
    """The id under which a conversation is shown."""
    return CONVERSATION_PREFIX + conversation_id.replace("-", "")


def conversation_behind(identity: str) -> str | None:
    """The conversation of an id; None for what is no such id."""
    return _uuid_behind(identity, CONVERSATION_PREFIX)


def _uuid_behind(text: str, prefix: str) -> str | None:
    digits = text.removeprefix(prefix)
    if not text.startswith(prefix) or _UUID_DIGITS.fullmatch(digits) is None:
        return None
    return uuid_of(digits)


def uuid_of(digits: str) -> str:
    """The id of these 32 hex digits, as ours are written."""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def is_cut(finish_reason: str | None) -> bool:
    """Whether an answer that ended so is not whole."""
    return finish_reason in _INCOMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a response says of its request: as it was sent, with the values that were used where it said nothing.

    `conversation_id`: of a response that belongs to a conversation which the client named. `tools`, `tool_choice`,
    `text` and `reasoning` are JSON as the API shows it.
    """

    model: str
    created_at_us: int
    instructions: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    parallel_tool_calls: bool = True
    text: Mapping[str, Any] = field(default_factory=lambda: {"format": {"type": "text"}})
    reasoning: Mapping[str, Any] = field(default_factory=lambda: {"effort": None, "summary": None})
    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    top_logprobs: int = 0
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    truncation: str = "disabled"
    store: bool = True
    background: bool = False
    service_tier: str = "default"
    metadata: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    previous_response_id: str | None = None
    conversation_id: str | None = None


def status_of(ending: Ending) -> Status:
    """The status of a response that has ended. A refused one failed."""
    if ending.status == "cancelled":
        return "cancelled"
    if ending.status in ("failed", "refused"):
        return "failed"
    return "incomplete" if is_cut(ending.finish_reason) else "completed"


def response_object(
    generation_id: str,
    asked: Parameters,
    status: Status,
    output: Sequence[Mapping[str, Any]],
    ending: Ending | None,
) -> dict[str, Any]:
    """The response as JSON. Every key is always there, for clients check them."""
    failure = None if ending is None else ending.failure
    reason = None if ending is None or status != "incomplete" else _INCOMPLETE[ending.finish_reason]
    said: dict[str, Any] = {
        "id": response_id(generation_id),
        "object": "response",
        "created_at": asked.created_at_us // 1_000_000,
        "completed_at": ending.at_us // 1_000_000 if ending is not None and status == "completed" else None,
        "status": status,
        "error": None if failure is None else {"code": error_code(failure.code), "message": failure.message},
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": asked.model,
        "instructions": asked.instructions,
        "previous_response_id": asked.previous_response_id,
        "output": list(output),
        "tools": list(asked.tools),
        "tool_choice": asked.tool_choice,
        "parallel_tool_calls": asked.parallel_tool_calls,
        "text": asked.text,
        "reasoning": asked.reasoning,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "top_logprobs": asked.top_logprobs,
        "max_output_tokens": asked.max_output_tokens,
        "max_tool_calls": asked.max_tool_calls,
        "truncation": asked.truncation,
        "store": asked.store,
        "background": asked.background,
        "service_tier": asked.service_tier,
        "metadata": asked.metadata,
        "user": asked.user,
        "safety_identifier": asked.safety_identifier,
        "prompt_cache_key": asked.prompt_cache_key,
        "usage": None if ending is None else response_usage(ending.usage),
    }
    if asked.conversation_id is not None:
        said["conversation"] = {"id": asked.conversation_id}
    return said


def response_usage(usage: Usage) -> dict[str, Any]:
    """Usage as a response has it; `estimated`, which is ours, only where it is so."""
    said: dict[str, Any] = {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    return said | {"estimated": True} if usage.estimated else said


def error_code(code: str) -> str:
    """A failure's code in the closed list that clients know."""
    return _CODES.get(code, "server_error")
