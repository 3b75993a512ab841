"""Request bodies: read up to a limit, parsed strictly, validated. Every refusal says why and quotes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import ClientDisconnect, Request

from api.errors import ApiError, bad_request, of_validation

Body = TypeVar("Body", bound=BaseModel)

ARRIVE_S = 60.0
"""How long a body may take to arrive."""


class StrictBody(BaseModel):
    """A body in which nothing is guessed: unknown fields and values of other types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ApiBody(StrictBody):
    """A body of /api/v1: snake_case, and camelCase as well."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class CommandBody(ApiBody):
    """A body that may carry its idempotency key itself; it is no part of what is asked for."""

    request_id: str | None = None

    def asked(self) -> dict[str, Any]:
        """What the caller asks for."""
        return self.model_dump(exclude={"request_id"})


async def read_body(request: Request, model: type[Body], most_bytes: int, *, empty_is_object: bool = False) -> Body:
    """The request's JSON body as `model`; with `empty_is_object` no body is `{}`.

    Raises ApiError 400, 408, 413 or 415.
    """
    raw = await _read(request, most_bytes)
    if not raw and empty_is_object:
        return model.model_validate({})
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(
            415, "The body must be JSON: send Content-Type: application/json.", code="unsupported_media_type"
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "The body must not be compressed.", code="unsupported_media_type")
    try:
        return model.model_validate(parse(raw))
    except ValidationError as error:
        raise of_validation(error) from None


def parse(raw: bytes) -> dict[str, Any]:
    """A JSON object, each name once. Raises ApiError 400."""
    if not raw.strip():
        raise bad_request("The body is empty; a JSON object is expected.", code="invalid_json")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.", code="invalid_json")
    try:
        json.loads(raw, object_pairs_hook=_each_once)
    except RecursionError:
        raise bad_request("The body is not valid JSON: depth limit exceeded.", code="invalid_json") from None
    return value


def _each_once(pairs: Sequence[tuple[str, Any]]) -> None:
    # The values themselves are orjson's; this pass only looks for a name that stands twice in one object.
    if len({name for name, _ in pairs}) != len(pairs):
        raise bad_request("The body is not valid JSON: an object holds the same name twice.", code="invalid_json")


async def _read(request: Request, most_bytes: int) -> bytes:
    too_large = ApiError(
        413,
        f"The body is larger than {most_bytes} bytes.",
        code="request_too_large",
        headers={"connection": "close"},
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and len(declared) <= 20 and int(declared) > most_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(ARRIVE_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise ApiError(
            408,
            f"The body did not arrive within {ARRIVE_S:.0f} s.",
            code="request_timeout",
            headers={"connection": "close"},
        ) from None
    except ClientDisconnect:
        raise bad_request("The client left before its body had arrived.", code="invalid_json") from None
    return b"".join(parts)
