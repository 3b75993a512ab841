"""Fields that requests share, and how values that have two shapes are read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.bodies import StrictBody

MAX_STOPS = 4
MAX_METADATA = 16


class LenientBody(StrictBody):
    """A body whose unknown fields are passed over, as OpenAI's clients send what is newer than any server."""

    model_config = ConfigDict(extra="ignore")


def _several(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if value is None or isinstance(value, list):
        return value
    raise PydanticCustomError("stop_type", "expected a string or a list of strings")


def _nothing(value: Any) -> Any:
    """What histories carry without meaning anything by it."""
    if value is None or value == []:
        return None
    raise PydanticCustomError("unsupported", "it is not supported by this server; leave it out or send null")


def none_if_empty(value: Any) -> Any:
    """An empty list says nothing."""
    return None if value == [] else value


Nothing = Annotated[None, BeforeValidator(_nothing), WithJsonSchema({"type": "null"})]
Stops = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=256)]],
    Field(max_length=MAX_STOPS),
]
Stop = Annotated[
    Stops | None,
    BeforeValidator(_several),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": MAX_STOPS}]}
    ),
]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=MAX_METADATA),
]
