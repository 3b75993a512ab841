"""Encodes and decodes outcomes: fastavro handles the fields around the chunk marks, marks_codec the marks.

What marks_codec leaves is fastavro's, the record as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, get_type_hints

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.codec.framing import FRAME_BYTES, frame_of
from schemas.marks_codec import decode_marks, encode_marks
from schemas.outcome import ChunkMark
from schemas.registry import RegisteredSchema, current_schema
from schemas.upcast import upcast
from schemas.wire import record_from_wire, record_to_wire, without_logical_types

_MARKS = "chunks"
"""The field of outcomes that holds their chunk marks."""


def has_marks(record_type: type) -> bool:
    """Whether records of this type hold chunk marks."""
    hint: object = get_type_hints(record_type).get(_MARKS)
    return hint == tuple[ChunkMark, ...]


def marked_encoder(
    record_type: type, registered: RegisteredSchema, encode_whole: Callable[[Any], bytes]
) -> Callable[[Any], bytes]:
    """Writes outcomes of this type, framed. `encode_whole` takes those whose marks are of an unusual shape."""
    frame = frame_of(registered.id)
    head, rest = _around_marks(registered.definition)
    to_wire = record_to_wire(record_type, left_out=_MARKS)

    def encode_outcome(record: Any) -> bytes:
        marks = encode_marks(record.chunks)
        if marks is None:
            return encode_whole(record)
        wire = to_wire(record)
        buffer = BytesIO()
        buffer.write(frame)
        schemaless_writer(buffer, head, wire)
        buffer.write(marks)
        schemaless_writer(buffer, rest, wire)
        return buffer.getvalue()

    return encode_outcome


def marked_decoder(record_type: type, registered: RegisteredSchema) -> Callable[[BytesIO], Any]:
    """Reads outcomes of this type, written in this version, from behind their frames."""
    whole = parse_schema(without_logical_types(dict(registered.definition)))
    head, rest = _around_marks(registered.definition)
    from_wire, from_whole = record_from_wire(record_type, ready=_MARKS), record_from_wire(record_type)
    name, version, newest = registered.record_name, registered.version, current_schema(record_type).version

    def decode_outcome(body: BytesIO) -> Any:
        wire: Any = schemaless_reader(body, head, None)
        found = decode_marks(body.getvalue(), body.tell())
        if found is None:
            body.seek(FRAME_BYTES)
            return from_whole(upcast(name, version, newest, schemaless_reader(body, whole, None)))
        marks, end = found
        body.seek(end)
        wire.update(schemaless_reader(body, rest, None))
        wire[_MARKS] = marks
        return from_wire(upcast(name, version, newest, wire))

    return decode_outcome


def _around_marks(definition: Mapping[str, Any]) -> tuple[Any, Any]:
    """An outcome's schema before its marks, and after them."""
    plain = without_logical_types(dict(definition))
    at = [field["name"] for field in plain["fields"]].index(_MARKS)
    named: dict[str, Any] = {}
    before, after = plain["fields"][:at], plain["fields"][at + 1 :]
    head = parse_schema({**plain, "fields": before}, named_schemas=named)
    # What the head defines by name, the rest refers to.
    return head, parse_schema({**plain, "name": f"{plain['name']}Rest", "fields": after}, named_schemas=named)
