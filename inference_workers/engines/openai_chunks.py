"""The fields of Chat Completions chunks, with the differences between servers. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from inference_workers.ports import EngineFailed, Finish, FinishReason

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    # Other names in use: TGI, Anthropic behind gateways, Mistral.
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "model_length": "length",
}
MAX_TOP_LOGPROBS = 20
MAX_TOKEN_CHARS = 1024
"""Of a token of which logprobs tell."""
_SHOWN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
IDLE = frozenset({b"", b"null", b"ping", b"pong", b"keepalive", b"keep-alive", b"heartbeat"})
"""Data that some servers send to keep a connection open."""


class NoJson(EngineFailed):
    """An event is not JSON."""


def lenient_json(payload: bytes) -> Any:
    """JSON that orjson refuses: halved surrogate pairs, invalid UTF-8."""
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise NoJson("the upstream sent an event that is not JSON") from None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _detail(details: Any, name: str) -> int | None:
    return _count(details.get(name)) if isinstance(details, dict) else None


def shown_reason(reason: Any) -> str:
    """A finish reason for a message: as it is if it is one word, for it may be anything."""
    return reason if isinstance(reason, str) and _SHOWN.fullmatch(reason) else "unknown"


def told_finish(reason: FinishReason, usage: dict[str, Any]) -> Finish:
    """The end with the counts that a usage tells."""
    return Finish(
        reason,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _detail(usage.get("prompt_tokens_details"), "cached_tokens"),
        _detail(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )


def read_details(delta: dict[str, Any]) -> str:
    """The reasoning in `reasoning_details` (OpenRouter), for servers that put it nowhere else."""
    details = delta.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    told = (detail.get("text") or detail.get("summary") for detail in details if isinstance(detail, dict))
    return "".join(text for text in told if isinstance(text, str))


def usage_elsewhere(chunk: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any] | None:
    """The usage, where it stands within the choice (Moonshot) or a vendor's field (Groq)."""
    vendor = chunk.get("x_groq")
    usage = choice.get("usage") or (vendor.get("usage") if isinstance(vendor, dict) else None)
    return usage if isinstance(usage, dict) else None


def read_logprobs(logprobs: Any) -> list[dict[str, Any]]:
    """The entries of a choice's logprobs that are ones, in OpenAI's shape."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        return []
    found = []
    for entry in content:
        if (told := _logprob(entry)) is not None:
            others = entry.get("top_logprobs")
            alternatives = others[:MAX_TOP_LOGPROBS] if isinstance(others, list) else []
            found.append(told | {"top_logprobs": [other for each in alternatives if (other := _logprob(each))]})
    return found


def _logprob(entry: Any) -> dict[str, Any] | None:
    if not isinstance(entry, dict):
        return None
    token, logprob, told = entry.get("token"), entry.get("logprob"), entry.get("bytes")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or not math.isfinite(logprob):
        return None
    if len(token) > MAX_TOKEN_CHARS:
        return None
    if not isinstance(told, list) or len(told) > 4 * MAX_TOKEN_CHARS or any(type(byte) is not int for byte in told):
        told = list(token.encode("utf-8", "replace"))
    return {"token": token, "logprob": logprob, "bytes": told}
