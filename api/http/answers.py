"""JSON responses, and the descriptions of bodies for the API page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from api.http.bodies import ApiBody


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")


def iso(at_us: int) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    seconds, micros = divmod(at_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"


def openapi_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """A route's request body for /openapi.json: routes read their bodies themselves."""
    # What is not of /api/v1 has but one spelling, and it may be another one than the field's.
    schema = model.model_json_schema(by_alias=not issubclass(model, ApiBody))
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": _inline(schema)}}}}


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its definitions in place: pydantic's references point into a document of its own."""
    definitions = schema.pop("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return resolve(definitions[value["$ref"].rpartition("/")[2]])
        return {name: resolve(item) for name, item in value.items()}

    resolved: dict[str, Any] = resolve(schema)
    return resolved
