"""Encodes and decodes records: Avro in Confluent framing.

TokenChunk, the one record written an event a token, and the chunk marks of outcomes, one a chunk, have ways of their
own (`schemas/chunk_codec.py`, `schemas/marks_codec.py`); fastavro takes what those leave.
"""

from schemas.codec.decoding import decode, decoder_of, record_type_of
from schemas.codec.encoding import encode, encode_whole
from schemas.codec.errors import MisplacedRecord, NewerRecord, UndecodableRecord, UnencodableRecord
from schemas.codec.framing import FRAME_BYTES
from schemas.codec.levels import NEWER_IDS, is_newer, is_written, know_none_above, set_write_level, write_level

__all__ = [
    "FRAME_BYTES",
    "NEWER_IDS",
    "MisplacedRecord",
    "NewerRecord",
    "UndecodableRecord",
    "UnencodableRecord",
    "decode",
    "decoder_of",
    "encode",
    "encode_whole",
    "is_newer",
    "is_written",
    "know_none_above",
    "record_type_of",
    "set_write_level",
    "write_level",
]
