"""Records to bytes and back: Avro in Confluent framing (a zero byte, a 4-byte big-endian schema id, the body).

`decode` understands every schema ever registered: older versions pass through `upcast` step by step. TokenChunk, the
one record written an event a token, and the chunk marks of outcomes, one a chunk, have ways of their own
(`chunk_codec`, `marks_codec`); fastavro takes what those leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from struct import Struct
from typing import Any, get_type_hints

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.chunk_codec import CHUNK_VERSION, decode_chunk, encode_chunk
from schemas.generation import TokenChunk
from schemas.marks_codec import decode_marks, encode_marks
from schemas.outcome import ChunkMark
from schemas.registry import (
    RECORD_TYPES,
    WRITE_LEVEL,
    RegisteredSchema,
    current_schema,
    registered_schemas,
    versions_of,
)
from schemas.upcast import missing_steps, upcast
from schemas.versions import held_by
from schemas.wire import record_from_wire, record_to_wire, without_logical_types

_FRAME = Struct(">bI")
FRAME_BYTES = _FRAME.size


class UndecodableRecord(Exception):
    """Bytes that are no record of ours: no frame, an unknown schema id, or a body its schema does not fit."""


class NewerRecord(Exception):
    """A record that a newer release wrote: its schema id is just above the newest that this process knows.

    It is no damage. Whoever must act on it stops and leaves it unacknowledged for a process that knows it.
    """

    def __init__(self, schema_id: int) -> None:
        super().__init__(f"this record was written by a newer release (schema id {schema_id}): upgrade")
        self.schema_id = schema_id


class UnencodableRecord(ValueError):
    """A record whose values its schema does not allow. The message holds no content."""


NEWER_IDS = 1000
"""How far above the newest known id a schema id is taken for a newer release's; further on it is damage."""

Encoder = Callable[[Any], bytes]


def _encoder_of(record_type: type, level: int) -> Encoder:
    """Writes a record in the oldest version that can hold it, and in none above the write level `level`.

    Below the level of the version that could hold it, a record loses what only that version can say: it is written as
    the release before wrote it.
    """
    allowed = [each for each in versions_of(record_type) if each.writes <= level and each.id <= _newest]
    *older, newest = [(version, _encoder(record_type, version)) for version in allowed]
    if not older:
        return newest[1]
    today = current_schema(record_type).definition
    tried = [(held_by(version.definition, today), encoder) for version, encoder in older]
    last = newest[1]

    def encode_oldest(record: Any) -> bytes:
        for holds, encoder in tried:
            if holds(record):
                return encoder(record)
        return last(record)

    return encode_oldest


def _encoder(record_type: type, registered: RegisteredSchema) -> Encoder:
    schema = parse_schema(without_logical_types(dict(registered.definition)))
    frame = _FRAME.pack(0, registered.id)
    to_wire = record_to_wire(record_type)

    def encode_record(record: Any) -> bytes:
        # An older schema takes its own fields of the dictionary and leaves the others.
        buffer = BytesIO()
        buffer.write(frame)
        schemaless_writer(buffer, schema, to_wire(record))
        return buffer.getvalue()

    if get_type_hints(record_type).get(_MARKS) == tuple[ChunkMark, ...]:
        return _marks_encoder(record_type, registered.definition, frame, encode_record)
    if record_type is not TokenChunk:
        return encode_record
    if registered.version != CHUNK_VERSION:
        raise RuntimeError(f"chunk_codec writes TokenChunk version {CHUNK_VERSION}, not {registered.version}")
    return lambda chunk: encode_chunk(frame, chunk) or encode_record(chunk)


def _decoder(schema_id: int) -> Callable[[BytesIO], Any]:
    registered = registered_schemas()[schema_id]
    _check_steps(registered)
    schema = parse_schema(without_logical_types(dict(registered.definition)))
    record_type = _TYPES_BY_NAME[registered.record_name]
    name, version, newest = registered.record_name, registered.version, current_schema(record_type).version
    from_wire = record_from_wire(record_type)
    if get_type_hints(record_type).get(_MARKS) == tuple[ChunkMark, ...]:
        return _marks_decoder(record_type, registered, newest, schema)
    if version == newest:
        return lambda body: from_wire(schemaless_reader(body, schema, None))
    return lambda body: from_wire(upcast(name, version, newest, schemaless_reader(body, schema, None)))


_MARKS = "chunks"
"""The field of outcomes that holds their chunk marks."""


def _around_marks(definition: Mapping[str, Any]) -> tuple[Any, Any]:
    """An outcome's schema before its marks, and after them."""
    plain = without_logical_types(dict(definition))
    at = [field["name"] for field in plain["fields"]].index(_MARKS)
    named: dict[str, Any] = {}
    before, after = plain["fields"][:at], plain["fields"][at + 1 :]
    head = parse_schema({**plain, "fields": before}, named_schemas=named)
    # What the head defines by name, the rest refers to.
    return head, parse_schema({**plain, "name": f"{plain['name']}Rest", "fields": after}, named_schemas=named)


def _marks_encoder(
    record_type: type, definition: Mapping[str, Any], frame: bytes, encode_record: Callable[[Any], bytes]
) -> Callable[[Any], bytes]:
    head, rest = _around_marks(definition)
    to_wire = record_to_wire(record_type, left_out=_MARKS)

    def encode_outcome(record: Any) -> bytes:
        marks = encode_marks(record.chunks)
        if marks is None:
            return encode_record(record)
        wire = to_wire(record)
        buffer = BytesIO()
        buffer.write(frame)
        schemaless_writer(buffer, head, wire)
        buffer.write(marks)
        schemaless_writer(buffer, rest, wire)
        return buffer.getvalue()

    return encode_outcome


def _marks_decoder(
    record_type: type, registered: RegisteredSchema, newest: int, whole: Any
) -> Callable[[BytesIO], Any]:
    head, rest = _around_marks(registered.definition)
    from_wire, from_whole = record_from_wire(record_type, ready=_MARKS), record_from_wire(record_type)
    name, version = registered.record_name, registered.version

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


_TYPES_BY_NAME = {record_type.__name__: record_type for record_type in RECORD_TYPES}
_CHUNK_ID = next(
    schema.id
    for schema in registered_schemas().values()
    if (schema.record_name, schema.version) == (TokenChunk.__name__, CHUNK_VERSION)
)
_CHUNK_FRAME = _FRAME.pack(0, _CHUNK_ID)
# Filled at first use: no process needs all of them, and making them all was a tenth of a process's start. Two threads
# may make the same one; either will do.
_ENCODERS: dict[type, Encoder] = {}
_WHOLE_ENCODERS: dict[type, Encoder] = {}
_DECODERS: dict[int, Callable[[BytesIO], Any]] = {}


_write_level = WRITE_LEVEL
_newest = max(registered_schemas())


def set_write_level(level: int) -> None:
    """From now on no schema above this write level is written. Every process says so once, at its start.

    Raises ValueError for a level that this release does not write.
    """
    global _write_level
    if not 1 <= level <= WRITE_LEVEL:
        raise ValueError(f"write level {level} is not known: this release writes 1 to {WRITE_LEVEL}")
    _write_level = level
    _ENCODERS.clear()


def write_level() -> int:
    """The level that is written at most."""
    return _write_level


def know_none_above(schema_id: int) -> None:
    """From now on this process knows no schema above this id: it takes records of those for a newer release's.

    What an older release is like, for the tests and the demo of version skew.
    """
    global _newest
    _newest = schema_id
    _ENCODERS.clear()
    _WHOLE_ENCODERS.clear()
    _DECODERS.clear()


def _known(schema_id: int) -> RegisteredSchema | None:
    return registered_schemas().get(schema_id) if schema_id <= _newest else None


def _check_steps(registered: RegisteredSchema) -> None:
    name, version = registered.record_name, registered.version
    if missing := missing_steps(name, version, current_schema(_TYPES_BY_NAME[name]).version):
        raise RuntimeError(f"schemas/upcast.py has no step for {name} from version {missing[0]}")


for _each in registered_schemas().values():
    # At the start and not at the first old record, which would look like damage and end in dead-letters.
    _check_steps(_each)


def _made_encoder(record_type: type) -> Encoder:
    if record_type not in RECORD_TYPES:
        raise KeyError(record_type)
    encoder = _ENCODERS[record_type] = _encoder_of(record_type, _write_level)
    return encoder


def _made_decoder(schema_id: int) -> Callable[[BytesIO], Any] | None:
    if _known(schema_id) is None:
        return None
    decoder = _DECODERS[schema_id] = _decoder(schema_id)
    return decoder


def encode(record: Any) -> bytes:
    """A record's bytes under the oldest schema of its type that can hold it, and under none above the write level.

    Raises KeyError for a type that is no record type; UnencodableRecord for values its schema does not allow: wrong
    types, integers beyond 64 bits, text with lone surrogates.
    """
    return _encoded(record, _ENCODERS.get(type(record)) or _made_encoder(type(record)))


def encode_whole(record: Any) -> bytes:
    """As `encode`, whatever the write level: for what is made of records that are in the log already."""
    encoder = _WHOLE_ENCODERS.get(type(record))
    if encoder is None:
        encoder = _WHOLE_ENCODERS[type(record)] = _encoder_of(type(record), WRITE_LEVEL)
    return _encoded(record, encoder)


def _encoded(record: Any, encoder: Encoder) -> bytes:
    try:
        return encoder(record)
    except Exception as error:  # as in decode: whatever the values lead to; no IO happens here
        what = "text with a lone surrogate" if isinstance(error, UnicodeEncodeError) else type(error).__name__
        # The cause quotes values of the record, so it goes no further.
        raise UnencodableRecord(f"{type(record).__name__} does not fit its schema: {what}") from None


def decode(value: bytes | None) -> Any:
    """The record in `value`, in today's type whatever version wrote it.

    Raises UndecodableRecord, whose message holds no content, when there is none; NewerRecord for one that a newer
    release wrote.
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
    decoder = _DECODERS.get(schema_id) or _made_decoder(schema_id)
    if decoder is None:
        if is_newer(schema_id):
            raise NewerRecord(schema_id)
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


def is_newer(schema_id: int) -> bool:
    """Whether an id that is not in the index is just above it, as a newer release's are."""
    return _newest < schema_id <= _newest + NEWER_IDS


def _misfit(schema_id: int, error: Exception) -> UndecodableRecord:
    name = registered_schemas()[schema_id].record_name
    return UndecodableRecord(f"the body does not fit {name} (schema id {schema_id}): {type(error).__name__}")


def record_type_of(value: bytes | None) -> type | None:
    """The type of a framed record without decoding its body; None where the frame tells none."""
    if value is None or len(value) < FRAME_BYTES:
        return None
    registered = _known(_FRAME.unpack_from(value)[1]) if value[0] == 0 else None
    return None if registered is None else _TYPES_BY_NAME[registered.record_name]
