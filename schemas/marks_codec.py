"""The codec of an outcome's chunk marks, the one list that is as long as the answer.

A mark is two small numbers and a time: ten bytes in Avro, all marks alike, so a list of them is read in one sweep.
fastavro and the conversion from its dictionaries take ten times as long. Whatever is not exactly that shape (a chunk
of 64 characters or more, several blocks, unusual times, damage) is left to fastavro, so this module never decides what
is valid; the tests hold it against fastavro.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from struct import Struct

from schemas.chunk_codec import BITS_OF_PAIR, LOW_14, MORE, high_bits, high_bytes, varint
from schemas.outcome import ChunkMark

_MARK_BYTES = 10
_TIME = Struct("<xxHH4s")
# One byte each in zigzag form: 0 to 63.
_SMALL = bytes(range(0, 128, 2))
_EVEN = bytes(range(0, 256, 2))
_numbers_of = attrgetter("length", "tokens", "at_us")

# As in chunk_codec: filling the slots of a frozen dataclass directly takes half as long.
_new = object.__new__
_set_length, _set_tokens, _set_at_us = (getattr(ChunkMark, field.name).__set__ for field in fields(ChunkMark))


def chunk_mark(length: int, tokens: int, at_us: int) -> ChunkMark:
    """A ChunkMark, made quickly."""
    mark = _new(ChunkMark)
    _set_length(mark, length)
    _set_tokens(mark, tokens)
    _set_at_us(mark, at_us)
    return mark


def decode_marks(value: bytes, at: int) -> tuple[tuple[ChunkMark, ...], int] | None:
    """The marks of the Avro array that begins at `at`, and where it ends; None if fastavro must read (or refuse) it."""
    size = len(value)
    if at >= size:
        return None
    count = value[at]
    at += 1
    if count == 0:
        return (), at
    if count > 127:
        if at >= size:
            return None
        count = count & 127 | value[at] << 7
        at += 1
        if not 127 < count < 16384:
            return None
    # Odd zigzag numbers are negative.
    end = at + (count >> 1) * _MARK_BYTES
    if count & 1 or end >= size or value[end]:
        return None
    block = value[at:end]
    lengths, tokens = block[0::_MARK_BYTES], block[1::_MARK_BYTES]
    if (
        lengths.translate(None, _SMALL)
        or tokens.translate(None, _SMALL)
        or block[2::_MARK_BYTES].translate(None, _EVEN)
    ):
        return None
    times = [
        BITS_OF_PAIR[first] | BITS_OF_PAIR[second] << 14 | high_bits(four)
        for first, second, four in _TIME.iter_unpack(block)
    ]
    if min(times) < 0:
        return None
    marks = tuple(
        [chunk_mark(length >> 1, n >> 1, time >> 1) for length, n, time in zip(lengths, tokens, times, strict=True)]
    )
    return marks, end + 1


def encode_marks(marks: tuple[ChunkMark, ...]) -> bytes | None:
    """The Avro array of `marks`; None if fastavro must write (or refuse) them."""
    if type(marks) is not tuple:
        return None
    if not marks:
        return b"\0"
    parts = [varint(len(marks) << 1)]
    for length, tokens, at in map(_numbers_of, marks):
        if (
            not type(length) is type(tokens) is type(at) is int
            or not 0 <= length < 64
            or not 0 <= tokens < 64
            or not 1 << 40 <= at < 1 << 62
        ):
            return None
        parts += (
            _SMALL_PAIRS[length << 6 | tokens],
            MORE[at << 1 & LOW_14],
            MORE[at >> 13 & LOW_14],
            high_bytes(at >> 27),
        )
    parts.append(b"\0")
    return b"".join(parts)


_SMALL_PAIRS = tuple(bytes((length << 1, tokens << 1)) for length in range(64) for tokens in range(64))
