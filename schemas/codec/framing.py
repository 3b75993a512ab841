"""Confluent framing: a zero byte, a 4-byte big-endian schema id, the body."""

from __future__ import annotations

from struct import Struct

from schemas.codec.errors import UndecodableRecord

_FRAME = Struct(">bI")
FRAME_BYTES = _FRAME.size


def frame_of(schema_id: int) -> bytes:
    """What a record of this schema begins with."""
    return _FRAME.pack(0, schema_id)


def schema_id_of(value: bytes) -> int:
    """The schema id in a frame. Raises UndecodableRecord where there is no frame."""
    if len(value) < FRAME_BYTES:
        raise UndecodableRecord(f"{len(value)} bytes are too short for a frame")
    magic, schema_id = _FRAME.unpack_from(value)
    if magic != 0:
        raise UndecodableRecord(f"first byte is {value[0]}, not 0: not in Confluent framing")
    return int(schema_id)
