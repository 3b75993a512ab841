"""The codec of TokenChunk, the one record that is written per token.

A plain chunk without token ids is a byte template (Avro binary, TokenChunk version 1): the ids, alike for a whole
attempt, are laid out once, three numbers and a text follow. Version 2 is the same, with the chunk's part behind it,
which is alike for all chunks of a part but the first of a tool call. fastavro takes five times as long. Whatever is not
exactly that shape (sealed content, token ids, logprobs, unusual lengths, negative numbers, damage) is left to fastavro,
so this module never decides what is valid; the tests hold it against fastavro and avro.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from struct import Struct

from schemas.generation import TokenChunk
from schemas.parts import ChunkPart

PLAIN_VERSION = 1
"""The version of TokenChunk's schema that says nothing of parts."""
PARTS_VERSION = 2
"""The version that says which part a chunk belongs to."""

# Avro's long: zigzag, then groups of 7 bits, the lowest first, a high bit on all but the last.
_LAST = tuple(bytes((low,)) if low < 128 else bytes((low & 127 | 128, low >> 7)) for low in range(1 << 14))
MORE = tuple(bytes((low & 127 | 128, low >> 7 | 128)) for low in range(1 << 14))
LOW_14 = (1 << 14) - 1

MAX_PART_BYTES = 1024
"""The longest description of a part that is read here, and kept for its next chunk."""

# How chunks of ours begin: frame (5 bytes), a UUID and 16 hex characters with their lengths. Then seq.
_UUID_LENGTH, _ATTEMPT_LENGTH = 36 << 1, 16 << 1
_UUID_AT, _ATTEMPT_AT, _SEQ_AT = 5, 42, 59
# After seq: the time, which is 8 bytes long from 1988 to 2112 and whose last four stay for two minutes, the tokens,
# and which branch of the union the text is.
_TIME_TOKENS_BRANCH = Struct("<HH4sBB")
_DAMAGED = -1 << 62
# The 14 bits in two bytes (as one little-endian number) that are both followed by more; _DAMAGED if they are not.
_bits = [_DAMAGED] * (1 << 16)
for _high in range(128):
    # The upper half of each upper row. Row by row, because one by one is a noticeable part of a process's start.
    _row = (_high | 128) << 8
    _bits[_row | 128 : _row + 256] = range(_high << 7, _high + 1 << 7)
BITS_OF_PAIR = tuple(_bits)


# A frozen dataclass sets its fields by name, one look-up each: filling the slots directly takes half as long.
_new = object.__new__
(
    _set_generation_id,
    _set_attempt_id,
    _set_seq,
    _set_at_us,
    _set_tokens,
    _set_delta,
    _set_token_ids,
    _set_part,
    _set_logprobs,
) = (getattr(TokenChunk, field.name).__set__ for field in fields(TokenChunk))


def made_chunk(
    generation_id: str, attempt_id: str, seq: int, at_us: int, tokens: int, delta: str, part: ChunkPart | None = None
) -> TokenChunk:
    """A chunk without token ids and logprobs, made quickly."""
    chunk = _new(TokenChunk)
    _set_generation_id(chunk, generation_id)
    _set_attempt_id(chunk, attempt_id)
    _set_seq(chunk, seq)
    _set_at_us(chunk, at_us)
    _set_tokens(chunk, tokens)
    _set_delta(chunk, delta)
    _set_token_ids(chunk, None)
    _set_part(chunk, part)
    _set_logprobs(chunk, "")
    return chunk


@lru_cache(maxsize=4096)
def _head(frame: bytes, generation_id: str, attempt_id: str) -> bytes:
    generation, attempt = generation_id.encode(), attempt_id.encode()
    return b"".join((frame, varint(len(generation) << 1), generation, varint(len(attempt) << 1), attempt))


@lru_cache(maxsize=4096)
def _ids(head: bytes) -> tuple[str, str] | None:
    if head[_UUID_AT] != _UUID_LENGTH or head[_ATTEMPT_AT] != _ATTEMPT_LENGTH:
        return None
    return head[_UUID_AT + 1 : _ATTEMPT_AT].decode(), head[_ATTEMPT_AT + 1 :].decode()


def varint(zigzag: int) -> bytes:
    """The bytes of a number that is in zigzag form already (0 or more, below 2**64)."""
    groups = bytearray()
    while zigzag > 127:
        groups.append(zigzag & 127 | 128)
        zigzag >>= 7
    groups.append(zigzag)
    return bytes(groups)


high_bytes = lru_cache(maxsize=64)(varint)


@lru_cache(maxsize=64)
def high_bits(four: bytes) -> int:
    """The upper half of an 8-byte varint, in its place; _DAMAGED if it does not end with these four bytes."""
    a, b, c, d = four
    if a < 128 or b < 128 or c < 128 or d > 127:
        return _DAMAGED
    return (a & 127 | (b & 127) << 7 | (c & 127) << 14 | d << 21) << 28


def encode_plain(frame: bytes, chunk: TokenChunk) -> bytes | None:
    """The bytes of `chunk` in version 1 after `frame`; None if fastavro must write (or refuse) it.

    What version 1 cannot say is left out, as fastavro does with a field that a schema lacks.
    """
    delta, seq, at, tokens = chunk.delta, chunk.seq, chunk.at_us, chunk.tokens
    if (
        chunk.token_ids is not None
        or type(delta) is not str
        or not type(seq) is type(at) is type(tokens) is int
        or not 0 <= seq < 8192
        or not 0 <= tokens < 8192
        or not 1 << 40 <= at < 1 << 62
    ):
        return None
    text = delta.encode()
    if len(text) > 8191:
        return None
    return b"%b%b%b%b%b%b\x00%b%b\x00" % (
        _head(frame, chunk.generation_id, chunk.attempt_id),
        _LAST[seq << 1],
        MORE[at << 1 & LOW_14],
        MORE[at >> 13 & LOW_14],
        high_bytes(at >> 27),
        _LAST[tokens << 1],
        _LAST[len(text) << 1],
        text,
    )


def encode_with_part(frame: bytes, chunk: TokenChunk) -> bytes | None:
    """The bytes of `chunk` in version 2 after `frame`; None if fastavro must write (or refuse) it."""
    if chunk.part is None or chunk.logprobs != "" or (part := _part_bytes(chunk.part)) is None:
        return None
    plain = encode_plain(frame, chunk)
    return None if plain is None else plain + part


@lru_cache(maxsize=1024)
def _part_bytes(part: ChunkPart) -> bytes | None:
    """Branch 1 of the union, the part, and no logprobs."""
    if type(part) is not ChunkPart or type(part.index) is not int or not 0 <= part.index < 1 << 31:
        return None
    said = [b"\x02", varint(part.index << 1)]
    for text in (part.kind, part.call_id, part.name):
        if type(text) is not str:
            return None
        utf8 = text.encode()
        said += (varint(len(utf8) << 1), utf8)
    said.append(b"\x00")
    return b"".join(said)


@lru_cache(maxsize=1024)
def _part_of(value: bytes) -> ChunkPart | None:
    """The part that these bytes say, if they say it as `_part_bytes` does. Raises UnicodeDecodeError."""
    if value[:1] != b"\x02":
        return None
    numbers: list[int] = []
    texts: list[str] = []
    at = 1
    while len(texts) < 3:
        number, shift = 0, 0
        while True:
            if at >= len(value) or shift > 28:
                return None
            byte = value[at]
            at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        if number & 1:
            return None
        if not numbers:
            numbers.append(number >> 1)
            continue
        end = at + (number >> 1)
        if end > len(value):
            return None
        texts.append(value[at:end].decode())
        at = end
    if value[at:] != b"\x00":
        return None
    part = ChunkPart(numbers[0], texts[0], texts[1], texts[2])  # type: ignore[arg-type]  # an open vocabulary
    return part if _part_bytes(part) == value else None


def decode_chunk(value: bytes, *, parts: bool = False) -> TokenChunk | None:
    """The chunk framed in `value`; None if fastavro must read (or refuse) it. Raises UnicodeDecodeError.

    `parts`: it is in version 2.
    """
    size = len(value)
    if size < _SEQ_AT + 15 or (ids := _ids(value[:_SEQ_AT])) is None:
        return None
    at = _SEQ_AT + 1
    seq = value[_SEQ_AT]
    if seq > 127:
        seq = seq & 127 | value[at] << 7
        at += 1
    first, second, four, tokens, branch = _TIME_TOKENS_BRANCH.unpack_from(value, at)
    time = BITS_OF_PAIR[first] | BITS_OF_PAIR[second] << 14 | high_bits(four)
    start = at + 11
    length = value[at + 10]
    if length > 127:
        length = length & 127 | value[start] << 7
        start += 1
    # Odd zigzag numbers are negative; the byte after the text says "no token ids", and nothing may follow it.
    if (seq | first | tokens | length) & 1 or time < 0 or branch or tokens > 127 or seq > 16383 or length > 16383:
        return None
    end = start + (length >> 1)
    if end + 1 != size:
        if not parts or end + 1 > size or value[end] or size - end > MAX_PART_BYTES or value[-1]:
            return None  # such a tail is not looked up: what is looked up is kept
        if (part := _part_of(value[end + 1 :])) is None:
            return None
        return made_chunk(ids[0], ids[1], seq >> 1, time >> 1, tokens >> 1, value[start:end].decode(), part)
    if parts or value[end]:
        return None
    return made_chunk(ids[0], ids[1], seq >> 1, time >> 1, tokens >> 1, value[start:end].decode())
