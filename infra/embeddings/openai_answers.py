"""What an upstream's answer to a request for embeddings says. Pure: no answer of it is quoted or passed on."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
import orjson

from infra.embeddings.ports import EmbeddingFailed, Vectors, failed, unavailable
from infra.models.embedding_spec import EmbeddingSpec

MAX_RETRY_AFTER_S = 3600
MAX_RETRY_AFTER_DIGITS = 9
"""No more are looked at: Python refuses to read a number of thousands of digits."""
_TOO_LONG = (
    b"context_length",
    b"maximum context",
    b"context size",
    b"too long",
    b"too large",
    b"max_tokens",
    b"longer",
)


def checked_answer(spec: EmbeddingSpec, body: bytes, texts: int) -> tuple[Vectors, int | None]:
    """What `checked` makes of an upstream's body."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _broken(spec, "something that is not JSON") from None
    return checked(spec, said, texts)


def checked(spec: EmbeddingSpec, said: Any, texts: int) -> tuple[Vectors, int | None]:
    """The vectors, in the order of the texts, and the tokens that the engine counts (None: it does not say).

    Raises EmbeddingFailed for everything but one vector a text, each of the model's dimensions and of finite numbers.
    """
    data = said.get("data") if isinstance(said, dict) else None
    if not isinstance(data, list):
        raise _broken(spec, "no list of embeddings")
    if len(data) != texts:
        raise _broken(spec, f"{len(data)} embeddings for {texts} texts")
    vectors = np.zeros((texts, spec.dimensions), np.float32)
    seen: set[int] = set()
    for place, entry in enumerate(data):
        index = entry.get("index", place) if isinstance(entry, dict) else None
        if type(index) is not int or not 0 <= index < texts or index in seen:
            raise _broken(spec, "embeddings whose indexes are not those of the texts")
        seen.add(index)
        vectors[index] = _vector(spec, entry.get("embedding"))
    usage = said.get("usage")
    counted = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
    return vectors, counted if type(counted) is int else None


def _vector(spec: EmbeddingSpec, said: Any) -> Vectors:
    if isinstance(said, str):
        said = _decoded(spec, said)
    elif not isinstance(said, list) or not all(type(number) in (float, int) for number in said):
        raise _broken(spec, "an embedding that is not a list of numbers")
    if len(said) != spec.dimensions:
        said = f"the engine of {spec.id} answered {len(said)} dimensions, models.toml says {spec.dimensions}"
        raise failed("engine_misconfigured", said)
    with np.errstate(over="ignore"):
        vector = np.asarray(said, np.float64).astype(np.float32)
    if not np.isfinite(vector).all():
        raise _broken(spec, "an embedding with a number that is not finite")
    return vector


def _decoded(spec: EmbeddingSpec, said: str) -> Any:
    """An embedding in base64, which some upstreams answer whatever they are asked for."""
    try:
        return np.frombuffer(base64.b64decode(said, validate=True), "<f4")
    except (binascii.Error, ValueError):
        raise _broken(spec, "an embedding that is not base64") from None


def _broken(spec: EmbeddingSpec, what: str) -> EmbeddingFailed:
    return failed("engine_failed", f"the engine of {spec.id} answered {what}", retryable=True)


def refusal(spec: EmbeddingSpec, status: int, body: bytes, retry_after: str) -> EmbeddingFailed:
    """The error that an HTTP status other than 200 stands for. The body may quote the texts: it is not passed on."""
    upstream = f"the upstream of {spec.id}"
    told = body.lower()
    if status != 429 and any(words in told for words in _TOO_LONG) and status in (400, 413, 422, 500):
        return failed("context_length_exceeded", f"{upstream} does not take texts of that length")
    if status in (401, 403):
        where = f"check the variable {spec.api_key_env}" if spec.api_key_env else "set api_key_env in models.toml"
        return failed("engine_auth", f"{upstream} refuses our key (HTTP {status}): {where}")
    if status in (429, 529):
        said_s = retry_after[:MAX_RETRY_AFTER_DIGITS]
        wait_s = min(int(said_s), MAX_RETRY_AFTER_S) if said_s.isascii() and said_s.isdigit() else 1
        return failed(
            "engine_overloaded", f"{upstream} is overloaded (HTTP {status})", retryable=True, retry_after_s=wait_s
        )
    if status >= 500 or status == 408:
        return unavailable(spec, f"failed (HTTP {status})")
    if status in (400, 413, 422):
        return failed("invalid_request", f"{upstream} refuses the request (HTTP {status})")
    what = "redirects, which is not followed" if 300 <= status < 400 else "does not serve this"
    return failed("engine_misconfigured", f"{upstream} {what} (HTTP {status}): check its entry in models.toml")
