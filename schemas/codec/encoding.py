"""Encodes records, each in the oldest version of its schema that can hold it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from schemas.chunk_codec import PARTS_VERSION, PLAIN_VERSION, encode_plain, encode_with_part
from schemas.codec.errors import UnencodableRecord
from schemas.codec.framing import frame_of
from schemas.codec.levels import on_change, write_level, written_versions
from schemas.codec.marked import has_marks, marked_encoder
from schemas.generation import TokenChunk
from schemas.registry import RECORD_TYPES, WRITE_LEVEL, RegisteredSchema, current_schema
from schemas.versions import held_by
from schemas.wire import record_to_wire, without_logical_types

Encoder = Callable[[Any], bytes]

# Filled at first use: no process needs all of them, and making them all was a tenth of a process's start. Two threads
# may make the same one; either will do.
_ENCODERS: dict[type, Encoder] = {}
_WHOLE_ENCODERS: dict[type, Encoder] = {}
_CHUNK_ENCODERS = {PLAIN_VERSION: encode_plain, PARTS_VERSION: encode_with_part}
on_change(_ENCODERS.clear)
on_change(_WHOLE_ENCODERS.clear)


def encode(record: object) -> bytes:
    """A record's bytes under the oldest schema of its type that can hold it, and under none above the write level.

    Raises KeyError for a type that is no record type; UnencodableRecord for a type of which the write level allows no
    version, and for values its schema does not allow: wrong types, integers beyond 64 bits, text with lone surrogates.
    """
    return _encoded(record, _ENCODERS.get(type(record)) or _made_encoder(type(record)))


def encode_whole(record: object) -> bytes:
    """As `encode`, whatever the write level: for what is made of records that are in the log already."""
    encoder = _WHOLE_ENCODERS.get(type(record))
    if encoder is None:
        encoder = _WHOLE_ENCODERS[type(record)] = _encoder_of(type(record), WRITE_LEVEL)
    return _encoded(record, encoder)


def _encoded(record: object, encoder: Encoder) -> bytes:
    try:
        return encoder(record)
    except Exception as error:  # as in decode: whatever the values lead to; no IO happens here
        what = "text with a lone surrogate" if isinstance(error, UnicodeEncodeError) else type(error).__name__
        # The cause quotes values of the record, so it goes no further.
        raise UnencodableRecord(f"{type(record).__name__} does not fit its schema: {what}") from None


def _made_encoder(record_type: type) -> Encoder:
    if record_type not in RECORD_TYPES:
        raise KeyError(record_type)
    encoder = _ENCODERS[record_type] = _encoder_of(record_type, write_level())
    return encoder


def _encoder_of(record_type: type, level: int) -> Encoder:
    """Writes a record in the oldest version that can hold it, and in none above the write level `level`.

    Below the level of the version that could hold it, a record loses what only that version can say: it is written as
    the release before wrote it.
    """
    versions = written_versions(record_type, level)
    if not versions:
        raise UnencodableRecord(f"{record_type.__name__} is not written at write level {level}: raise it first")
    *older, newest = [(version, encoder_in(record_type, version)) for version in versions]
    if not older:
        return newest[1]
    if record_type is TokenChunk:
        # One of these is written per token: what `held_by` finds is said in one look.
        (_, plain), (_, parts) = *older, newest
        return lambda chunk: plain(chunk) if chunk.part is None and not chunk.logprobs else parts(chunk)
    today = current_schema(record_type).definition
    tried = [(held_by(version.definition, today), encoder) for version, encoder in older]
    last = newest[1]

    def encode_oldest(record: Any) -> bytes:
        for holds, encoder in tried:
            if holds(record):
                return encoder(record)
        return last(record)

    return encode_oldest


def encoder_in(record_type: type, registered: RegisteredSchema) -> Encoder:
    """Writes records of this type in this version of their schema, whatever they lose by it."""
    schema = parse_schema(without_logical_types(dict(registered.definition)))
    frame = frame_of(registered.id)
    to_wire = record_to_wire(record_type)

    def encode_record(record: Any) -> bytes:
        # An older schema takes its own fields of the dictionary and leaves the others.
        buffer = BytesIO()
        buffer.write(frame)
        schemaless_writer(buffer, schema, to_wire(record))
        return buffer.getvalue()

    if has_marks(record_type):
        return marked_encoder(record_type, registered, encode_record)
    if record_type is not TokenChunk:
        return encode_record
    if registered.version not in _CHUNK_ENCODERS:
        raise RuntimeError(f"chunk_codec does not write TokenChunk version {registered.version}")
    encode_chunk = _CHUNK_ENCODERS[registered.version]
    return lambda chunk: encode_chunk(frame, chunk) or encode_record(chunk)
