"""Maps the errors of an OpenAI-compatible upstream to our errors. Pure.

Its messages may quote the prompt: they are read to tell a context error from others, and never passed on.
"""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from inference_workers.ports import EngineError, EngineFailed, EngineOverloaded, EngineRejected, EngineUnavailable
from infra.models.catalogue import ModelSpec

MAX_RETRY_AFTER_S = 3600.0
RETRY_AFTER_S = 1.0
"""What a 429 without Retry-After asks for."""
MAX_WORDS = 4000
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "string_above_max_length", "exceed_context_size_error"})
_TOO_LONG = re.compile(
    r"maximum context length"  # OpenAI, vLLM, SGLang, Mistral
    r"|longer than the (?:maximum )?model(?:'s)? (?:context )?length"  # vLLM, SGLang
    r"|max_(?:completion_)?tokens must be at least 1, got -"  # older vLLM: the prompt alone is over the context
    r"|input length \(\d+ tokens\) exceeds the maximum allowed"  # SGLang
    r"|available context size|context size has been exceeded|exceeds? (?:the )?context (?:window|size|limit|length)"
    r"|`?inputs`? (?:tokens \+ `?max_new_tokens`? must be <=|must have less than \d+ tokens)"  # TGI
    r"|exceeds (?:the )?max(?:imum)? (?:context|input) length|exceeded max context length|prompt is too long"
)
_BUSY = frozenset({"rate_limit_exceeded", "rate_limit_error", "overloaded_error", "insufficient_quota", "429", "529"})
_NOT_THERE = frozenset({"model_not_found", "NotFoundError", "not_found_error", "404"})
_NO_KEY = frozenset(
    {"authentication_error", "permission_error", "invalid_api_key", "AuthenticationError", "401", "403"}
)
_REFUSED = frozenset(
    {"invalid_request_error", "invalid_request", "BadRequestError", "validation", "validation_error"}
    | {"400", "413", "422"}
)


def error_in(chunk: dict[str, Any]) -> Any:
    """The error a JSON object tells of, None if it tells of none: the shapes of OpenAI, vLLM, FastAPI, Cloudflare."""
    for name in ("error", "errors", "detail"):
        if told := chunk.get(name):
            return chunk if isinstance(told, str) else told
    if chunk.get("object") == "error" or chunk.get("type") == "error":
        return chunk
    if "choices" not in chunk and "message" in chunk and (chunk.get("code") or chunk.get("status")):
        return chunk
    return None


def told_error(error: Any) -> EngineError:
    """The error an upstream tells of in its answer. Its message may quote the prompt, so only its code is kept."""
    told = _codes(error)
    said = f"the upstream reported an error ({told[0]})" if told else "the upstream reported an error"
    if _TOO_LONG_CODES.intersection(told) or _TOO_LONG.search(_words(error)):
        return EngineRejected(
            "the conversation is longer than the context of the upstream", code="context_length_exceeded"
        )
    if "content_filter" in told:
        return EngineRejected("the upstream's content filter refuses the request", code="content_filter")
    if _BUSY.intersection(told):
        return EngineOverloaded(said)
    if _NO_KEY.intersection(told):
        return EngineRejected(said, code="engine_auth")
    if _NOT_THERE.intersection(told):
        return EngineRejected(said, code="engine_misconfigured")
    if _REFUSED.intersection(told):
        return EngineRejected(said, code="invalid_request")
    return EngineFailed(said)


def refusal(model: ModelSpec, status: int, body: bytes, retry_after: str, now_s: float) -> EngineError:
    """The error an HTTP status other than 200 stands for, at a time since the epoch. No engine took the request."""
    error = _refusal(model, status, body, _seconds(retry_after, now_s))
    error.accepted = False
    return error


def _refusal(model: ModelSpec, status: int, body: bytes, retry_after_s: float | None) -> EngineError:
    upstream = f"the upstream of {model.id}"
    told = told_error_of(body)
    # Before the status: llama.cpp and Ollama say this with a 500 as well, which would be tried again.
    if told is not None and told.code in ("context_length_exceeded", "content_filter") and status != 429:
        return told
    if status in (401, 403):
        where = f"check the variable {model.api_key_env}" if model.api_key_env else "set api_key_env in models.toml"
        return EngineRejected(f"{upstream} refuses our key (HTTP {status}): {where}", code="engine_auth")
    if status == 429:
        said = f"{upstream} is overloaded (HTTP 429)"
        return EngineOverloaded(said, retry_after_s=RETRY_AFTER_S if retry_after_s is None else retry_after_s)
    if status == 529:
        return EngineOverloaded(f"{upstream} is overloaded (HTTP 529)")
    if status >= 500 or status == 408:
        return EngineUnavailable(f"{upstream} failed (HTTP {status})", answered=True)
    if status in (400, 413, 422):
        if told is not None and told.code in ("engine_auth", "engine_misconfigured"):
            return EngineRejected(f"{upstream} refuses our settings (HTTP {status})", code=told.code)
        return EngineRejected(f"{upstream} refuses the request (HTTP {status})", code="invalid_request")
    if 300 <= status < 400:
        said = f"{upstream} redirects (HTTP {status}), which is not followed: correct its address in models.toml"
    elif status == 404:
        said = f"{upstream} does not know its model or this address (HTTP 404): check both in models.toml"
    else:
        said = f"{upstream} does not serve this (HTTP {status}): check its entry in models.toml"
    return EngineRejected(said, code="engine_misconfigured")


def told_error_of(body: bytes) -> EngineError | None:
    """The error that a body tells of, if it is JSON that does; of other text, a context error alone is believed."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = told_error(body.decode("utf-8", "replace"))
        return told if told.code == "context_length_exceeded" else None
    found = error_in(said) if isinstance(said, dict) else None
    return None if found is None else told_error(found)


def _codes(error: Any) -> list[str]:
    """The codes an error names, those that are one word."""
    if not isinstance(error, dict):
        return []
    names = ("code", "type", "error_type", "status", "http_status_code", "status_code")
    told = [str(error[name]) for name in names if error.get(name) and isinstance(error[name], str | int)]
    return [code for code in told if _CODE.fullmatch(code) and code != "error"]


def _words(error: Any) -> str:
    """What it says in words, in small letters and within bounds."""
    said = error
    if isinstance(error, dict):
        said = next((error[name] for name in ("message", "error", "detail", "msg") if error.get(name)), "")
    if isinstance(said, list) and said:
        return _words(said[0])
    if isinstance(said, dict) and said is not error:
        return str(said.get("message") or said.get("msg") or "")[:MAX_WORDS].lower()
    return said[:MAX_WORDS].lower() if isinstance(said, str) else ""


def _seconds(header: str, now_s: float) -> float | None:
    """A Retry-After header, seconds or an HTTP date, within bounds; None if it says neither."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = parsedate_to_datetime(header)
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now_s
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else None
