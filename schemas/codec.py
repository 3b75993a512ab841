"""Records to bytes and back: Avro in Confluent framing (a zero byte, a 4-byte big-endian schema id, the body).

`decode` understands every schema ever registered: older versions pass through `upcast` step by step. TokenChunk, the
one record written an event a token, has a way of its own (`chunk_codec`); fastavro takes what that leaves.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from io import BytesIO
from operator import attrgetter
from struct import Struct
from typing import Any, Union, get_args, get_origin, get_type_hints

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.chunk_codec import CHUNK_VERSION, decode_chunk, encode_chunk
from schemas.envelope import Content, Sealed
from schemas.generation import TokenChunk
from schemas.registry import RECORD_TYPES, current_schema, registered_schemas
from schemas.upcast import missing_steps, upcast

_FRAME = Struct(">bI")
FRAME_BYTES = _FRAME.size

Converter = Callable[[Any], Any]


class UndecodableRecord(Exception):
    """Bytes that are no record of ours: no frame, an unknown schema id, or a body its schema does not fit."""


class UnencodableRecord(ValueError):
    """A record whose values its schema does not allow. The message holds no content."""


def _without_logical_types(schema: Any) -> Any:
    # A logical type changes no byte; without it fastavro hands over the plain integer, several times faster.
    if isinstance(schema, dict):
        if "logicalType" in schema:
            return schema["type"]
        return {key: _without_logical_types(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_without_logical_types(item) for item in schema]
    return schema


def _sealed_from_wire(value: Any) -> Sealed:
    return Sealed(value["key_id"], value["nonce"], value["ciphertext"])


def _content_to_wire(value: Content) -> dict[str, Any]:
    if isinstance(value, str):
        return {"body": value}
    return {"body": {"key_id": value.key_id, "nonce": value.nonce, "ciphertext": value.ciphertext}}


def _content_from_wire(value: dict[str, Any]) -> Content:
    body = value["body"]
    return body if isinstance(body, str) else _sealed_from_wire(body)


def _optional(convert: Converter | None) -> Converter | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _inner_of_optional(hint: Any) -> Any | None:
    if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
        return Union[tuple(arg for arg in get_args(hint) if arg is not type(None))]  # noqa: UP007 - built at run time
    return None


def _to_wire(hint: Any) -> Converter | None:
    """How a value of a type becomes what fastavro writes; None: it is that already."""
    if hint == Content:
        return _content_to_wire
    if is_dataclass(hint) and isinstance(hint, type):
        return _record_to_wire(hint)
    if (inner := _inner_of_optional(hint)) is not None:
        return _optional(_to_wire(inner))
    if get_origin(hint) is tuple:
        item = _to_wire(get_args(hint)[0])
        return list if item is None else lambda values: [item(value) for value in values]
    return None


def _from_wire(hint: Any) -> Converter | None:
    if hint == Content:
        return _content_from_wire
    if is_dataclass(hint) and isinstance(hint, type):
        return _record_from_wire(hint)
    if (inner := _inner_of_optional(hint)) is not None:
        return _optional(_from_wire(inner))
    if get_origin(hint) is tuple:
        item = _from_wire(get_args(hint)[0])
        return tuple if item is None else lambda values: tuple([item(value) for value in values])
    return None


def _record_to_wire(record_type: type) -> Converter:
    hints = get_type_hints(record_type)
    names = tuple(field.name for field in fields(record_type))
    # attrgetter with one name gives the bare value; every record here has more than one field or is below.
    values_of = attrgetter(*names) if len(names) > 1 else lambda record: (getattr(record, names[0]),)
    converters = [(name, convert) for name in names if (convert := _to_wire(hints[name])) is not None]

    def to_wire(record: Any) -> dict[str, Any]:
        wire = dict(zip(names, values_of(record), strict=True))
        for name, convert in converters:
            wire[name] = convert(wire[name])
        return wire

    return to_wire


def _record_from_wire(record_type: type) -> Converter:
    hints = get_type_hints(record_type)
    names = [field.name for field in fields(record_type)]
    converters = [(name, convert) for name in names if (convert := _from_wire(hints[name])) is not None]

    def from_wire(wire: dict[str, Any]) -> Any:
        for name, convert in converters:
            wire[name] = convert(wire[name])
        return record_type(**wire)

    return from_wire


def _encoder(record_type: type) -> Callable[[Any], bytes]:
    registered = current_schema(record_type)
    schema = parse_schema(_without_logical_types(dict(registered.definition)))
    frame = _FRAME.pack(0, registered.id)
    to_wire = _record_to_wire(record_type)

    def encode_record(record: Any) -> bytes:
        buffer = BytesIO()
        buffer.write(frame)
        schemaless_writer(buffer, schema, to_wire(record))
        return buffer.getvalue()

    if record_type is not TokenChunk:
        return encode_record
    if registered.version != CHUNK_VERSION:
        raise RuntimeError(f"chunk_codec writes TokenChunk version {CHUNK_VERSION}, not {registered.version}")
    return lambda chunk: encode_chunk(frame, chunk) or encode_record(chunk)


def _decoder(schema_id: int) -> Callable[[BytesIO], Any]:
    registered = registered_schemas()[schema_id]
    schema = parse_schema(_without_logical_types(dict(registered.definition)))
    record_type = _TYPES_BY_NAME[registered.record_name]
    newest = current_schema(record_type)
    from_wire = _record_from_wire(record_type)
    if registered.version == newest.version:
        return lambda body: from_wire(schemaless_reader(body, schema, None))
    name, version = registered.record_name, registered.version
    if missing := missing_steps(name, version, newest.version):
        # Found out here and not at the first old record, which would look like damage and end in dead-letters.
        raise RuntimeError(f"schemas/upcast.py has no step for {name} from version {missing[0]}")
    return lambda body: from_wire(upcast(name, version, newest.version, schemaless_reader(body, schema, None)))


_TYPES_BY_NAME = {record_type.__name__: record_type for record_type in RECORD_TYPES}
_CHUNK_ID = next(
    schema.id
    for schema in registered_schemas().values()
    if (schema.record_name, schema.version) == (TokenChunk.__name__, CHUNK_VERSION)
)
_CHUNK_FRAME = _FRAME.pack(0, _CHUNK_ID)
_ENCODERS = {record_type: _encoder(record_type) for record_type in RECORD_TYPES}
_DECODERS = {schema_id: _decoder(schema_id) for schema_id in registered_schemas()}


def encode(record: Any) -> bytes:
    """A record's bytes under the newest schema of its type.

    Raises KeyError for a type that is no record type; UnencodableRecord for values its schema does not allow: wrong
    types, integers beyond 64 bits, text with lone surrogates.
    """
    encoder = _ENCODERS[type(record)]
    try:
        return encoder(record)
    except Exception as error:  # as in decode: whatever the values lead to; no IO happens here
        what = "text with a lone surrogate" if isinstance(error, UnicodeEncodeError) else type(error).__name__
        # The cause quotes values of the record, so it goes no further.
        raise UnencodableRecord(f"{type(record).__name__} does not fit its schema: {what}") from None


def decode(value: bytes | None) -> Any:
    """The record in `value`, in today's type whatever version wrote it.

    Raises UndecodableRecord, whose message holds no content, when there is none.
    """
    if value is None:
        raise UndecodableRecord("a tombstone (null value)")
    if value.startswith(_CHUNK_FRAME):
        try:
            if (chunk := decode_chunk(value)) is not None:
                return chunk
        except UnicodeDecodeError as error:
            raise _misfit(_CHUNK_ID, error) from error
    if len(value) < FRAME_BYTES:
        raise UndecodableRecord(f"{len(value)} bytes are too short for a frame")
    magic, schema_id = _FRAME.unpack_from(value)
    if magic != 0:
        raise UndecodableRecord(f"first byte is {value[0]}, not 0: not in Confluent framing")
    decoder = _DECODERS.get(schema_id)
    if decoder is None:
        raise UndecodableRecord(f"schema id {schema_id} is not in the index: written by a newer version?")
    body = BytesIO(value)
    body.seek(FRAME_BYTES)
    try:
        record = decoder(body)
    except Exception as error:  # fastavro raises whatever the damage leads to; no IO happens here
        raise _misfit(schema_id, error) from error
    if body.tell() != len(value):
        name = registered_schemas()[schema_id].record_name
        raise UndecodableRecord(f"{len(value) - body.tell()} bytes are left over after {name} (schema id {schema_id})")
    return record


def _misfit(schema_id: int, error: Exception) -> UndecodableRecord:
    name = registered_schemas()[schema_id].record_name
    return UndecodableRecord(f"the body does not fit {name} (schema id {schema_id}): {type(error).__name__}")


def record_type_of(value: bytes | None) -> type | None:
    """The type of a framed record without decoding its body; None where the frame tells none."""
    if value is None or len(value) < FRAME_BYTES:
        return None
    registered = registered_schemas().get(_FRAME.unpack_from(value)[1]) if value[0] == 0 else None
    return None if registered is None else _TYPES_BY_NAME[registered.record_name]
