"""The parameters of POST /v1/moderations and their meaning here. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, WithJsonSchema

from api.http.bodies import StrictBody
from api.http.errors import ApiError, bad_request, model_not_found

MAX_TEXTS = 256
MAX_CHARACTERS = 100_000
"""Of one text: looking at a longer one would hold the interpreter's lock, and with it every stream, for too long."""
MODEL = "verbatim-rules"
MODELS = frozenset(
    {
        MODEL,
        "omni-moderation-latest",
        "omni-moderation-2024-09-26",
        "text-moderation-latest",
        "text-moderation-stable",
    }
)
"""OpenAI's names mean the rules of this installation: clients send them unasked."""

_TEXT = {"type": "string", "maxLength": MAX_CHARACTERS}
_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": _TEXT},
    "required": ["type", "text"],
    "additionalProperties": False,
}
_INPUT = {
    "anyOf": [
        _TEXT,
        {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MAX_TEXTS},
        {"type": "array", "items": _PART, "minItems": 1, "maxItems": MAX_TEXTS},
    ]
}


class ModerationRequest(StrictBody):
    """`input` is checked by `texts_of`, which says of each mistake what may be sent instead."""

    input: Annotated[Any, WithJsonSchema(_INPUT)]
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(default=MODEL)


def texts_of(request: ModerationRequest) -> tuple[tuple[str, ...], ...]:
    """What each result is about: one text of a list of texts, or all parts together. Raises ApiError 400, which quotes
    nothing of them, and 404 for a model that there is not."""
    if request.model not in MODELS:
        raise model_not_found(request.model)
    said = request.input
    if isinstance(said, str):
        return ((_bounded(said, "input"),),)
    if not isinstance(said, list):
        raise _wrong("input", "expected a string, a list of strings or a list of parts", "invalid_type")
    if not said:
        raise _wrong("input", f"expected 1 to {MAX_TEXTS} texts, got an empty list", "array_below_min_length")
    if len(said) > MAX_TEXTS:
        raise _wrong("input", f"expected 1 to {MAX_TEXTS} texts, got {len(said)}", "array_above_max_length")
    if all(isinstance(item, str) for item in said):
        return tuple((_bounded(item, f"input[{index}]"),) for index, item in enumerate(said))
    return (tuple(_text_of(item, f"input[{index}]") for index, item in enumerate(said)),)


def _text_of(part: Any, where: str) -> str:
    if not isinstance(part, dict):
        raise _wrong(where, "expected texts alone or parts alone", "invalid_type")
    kind = part.get("type")
    if kind == "image_url":
        raise _wrong(where, "images are not judged by this server; send text", "unsupported_parameter")
    if kind != "text":
        raise _wrong(f"{where}.type", "expected 'text'", "invalid_value")
    if set(part) != {"type", "text"}:
        raise _wrong(where, "expected 'type' and 'text', and nothing else", "invalid_value")
    text = part["text"]
    if not isinstance(text, str):
        raise _wrong(f"{where}.text", "expected a string", "invalid_type")
    return _bounded(text, f"{where}.text")


def _bounded(text: str, where: str) -> str:
    if len(text) > MAX_CHARACTERS:
        said = f"expected at most {MAX_CHARACTERS} characters, got {len(text)}"
        raise _wrong(where, said, "string_above_max_length")
    return text


def _wrong(param: str, what: str, code: str) -> ApiError:
    return bad_request(f"Invalid value for '{param}': {what}.", code=code, param=param)
