"""`response_format`: the form that an answer must have. Pure."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from api.http.errors import bad_request
from api.openai.requests.fields import LenientBody
from infra.models.json_schemas import ANY_OBJECT, UnsupportedSchema, check_schema


class JsonSchemaFormat(LenientBody):
    """`strict` false would mean the same: an engine holds an answer to a schema, or does not."""

    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    # `schema` is a name of pydantic's own
    wanted: Any = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(LenientBody):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


def response_schema(asked: ResponseFormat | None) -> str:
    """The schema of the answer as JSON, empty for any text. Raises ApiError 400 naming what no grammar can hold."""
    if asked is None or asked.type == "text":
        return ""
    if asked.type == "json_object":
        return json.dumps(ANY_OBJECT)
    param = "response_format.json_schema.schema"
    if asked.json_schema is None or asked.json_schema.wanted is None:
        raise bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    try:
        check_schema(asked.json_schema.wanted)
    except UnsupportedSchema as error:
        raise bad_request(f"Invalid schema: {error}.", param=param) from None
    return json.dumps(asked.json_schema.wanted, ensure_ascii=False)
