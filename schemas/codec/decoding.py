"""Decodes records of every registered schema; older versions pass through `upcast` step by step."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader

from schemas.chunk_codec import PARTS_VERSION, PLAIN_VERSION, decode_chunk
from schemas.codec.errors import MisplacedRecord, NewerRecord, UndecodableRecord
from schemas.codec.framing import FRAME_BYTES, frame_of, schema_id_of
from schemas.codec.levels import is_newer, known, on_change
from schemas.codec.marked import has_marks, marked_decoder
from schemas.generation import TokenChunk
from schemas.registry import RECORD_TYPES, RegisteredSchema, current_schema, registered_schemas
from schemas.upcast import missing_steps, upcast
from schemas.wire import record_from_wire, without_logical_types

_TYPES_BY_NAME = {record_type.__name__: record_type for record_type in RECORD_TYPES}


def _chunk_id(version: int) -> int:
    return next(
        schema.id
        for schema in registered_schemas().values()
        if (schema.record_name, schema.version) == (TokenChunk.__name__, version)
    )


_CHUNK_ID, _PARTS_ID = _chunk_id(PLAIN_VERSION), _chunk_id(PARTS_VERSION)
_CHUNK_FRAME = frame_of(_CHUNK_ID)
# Filled at first use, as the encoders are.
_DECODERS: dict[int, Callable[[BytesIO], Any]] = {}
on_change(_DECODERS.clear)


def decode(value: bytes | None) -> object:
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
    schema_id = schema_id_of(value)
    if schema_id == _PARTS_ID and known(schema_id) is not None:
        try:
            if (chunk := decode_chunk(value, parts=True)) is not None:
                return chunk
        except UnicodeDecodeError as error:
            raise _misfit(_PARTS_ID, error) from error
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


def decoder_of(record_types: tuple[type[Any], ...], where: str) -> Callable[[bytes | None], Any]:
    """Decodes as `decode` does, and takes records of these types alone, as fast; `where` is for messages.

    It raises MisplacedRecord for a record of another type.
    """
    wanted = frozenset(record_types)
    takes_chunks = TokenChunk in wanted

    def decode_wanted(value: bytes | None) -> Any:
        if takes_chunks and value is not None and value.startswith(_CHUNK_FRAME):
            # There is one of these a token: nothing is asked of it that decode does not ask.
            try:
                if (chunk := decode_chunk(value)) is not None:
                    return chunk
            except UnicodeDecodeError as error:
                raise _misfit(_CHUNK_ID, error) from error
        record = decode(value)
        if type(record) not in wanted:
            raise MisplacedRecord(f"{type(record).__name__} does not belong in {where}")
        return record

    return decode_wanted


def record_type_of(value: bytes | None) -> type | None:
    """The type of a framed record without decoding its body; None where the frame tells none."""
    if value is None or len(value) < FRAME_BYTES:
        return None
    registered = known(schema_id_of(value)) if value[0] == 0 else None
    return None if registered is None else _TYPES_BY_NAME[registered.record_name]


def decoder_from(schema_id: int) -> Callable[[BytesIO], Any]:
    """Reads the bodies that this schema of the index wrote. Raises RuntimeError where `upcast` lacks a step."""
    registered = registered_schemas()[schema_id]
    _check_steps(registered)
    record_type = _TYPES_BY_NAME[registered.record_name]
    if has_marks(record_type):
        return marked_decoder(record_type, registered)
    schema = parse_schema(without_logical_types(dict(registered.definition)))
    name, version, newest = registered.record_name, registered.version, current_schema(record_type).version
    from_wire = record_from_wire(record_type)
    if version == newest:
        return lambda body: from_wire(schemaless_reader(body, schema, None))
    return lambda body: from_wire(upcast(name, version, newest, schemaless_reader(body, schema, None)))


def _made_decoder(schema_id: int) -> Callable[[BytesIO], Any] | None:
    if known(schema_id) is None:
        return None
    decoder = _DECODERS[schema_id] = decoder_from(schema_id)
    return decoder


def _misfit(schema_id: int, error: Exception) -> UndecodableRecord:
    name = registered_schemas()[schema_id].record_name
    return UndecodableRecord(f"the body does not fit {name} (schema id {schema_id}): {type(error).__name__}")


def _check_steps(registered: RegisteredSchema) -> None:
    name, version = registered.record_name, registered.version
    if missing := missing_steps(name, version, current_schema(_TYPES_BY_NAME[name]).version):
        raise RuntimeError(f"schemas/upcast.py has no step for {name} from version {missing[0]}")


for _each in registered_schemas().values():
    # At the start and not at the first old record, which would look like damage and end in dead-letters.
    _check_steps(_each)
