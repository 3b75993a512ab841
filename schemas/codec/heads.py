"""Reads the first fields of a record and leaves the rest: enough to tell whose a large one is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader

from schemas.codec.errors import UndecodableRecord
from schemas.codec.framing import FRAME_BYTES, schema_id_of
from schemas.codec.levels import known
from schemas.registry import registered_schemas
from schemas.wire import without_logical_types


def head_of(value: bytes | None, through: str) -> Mapping[str, Any] | None:
    """The fields of a framed record up to the field `through`, by name, as its own version wrote them.

    None where the record is damaged, of a newer release, or has no such field.
    """
    if value is None:
        return None
    try:
        schema_id = schema_id_of(value)
    except UndecodableRecord:
        return None
    schema = None if known(schema_id) is None else _schema_through(schema_id, through)
    if schema is None:
        return None
    body = BytesIO(value)
    body.seek(FRAME_BYTES)
    try:
        head: Any = schemaless_reader(body, schema, None)
    except Exception:  # fastavro raises whatever the damage leads to; no IO happens here
        return None
    return dict(head)


@cache
def _schema_through(schema_id: int, through: str) -> Any | None:
    """Bounded: by the schemas of the index, and the fields that this code names."""
    definition = registered_schemas()[schema_id].definition
    fields = definition["fields"]
    names = [field["name"] for field in fields]
    if through not in names:
        return None
    return parse_schema(without_logical_types({**definition, "fields": fields[: names.index(through) + 1]}))
