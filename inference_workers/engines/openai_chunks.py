"""The fields of Chat Completions chunks, with the differences between servers. Pure."""

from __future__ import annotations

import json
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
