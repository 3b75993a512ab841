"""TokenChunk's own codec says what fastavro says, byte for byte, or leaves it to fastavro."""

from __future__ import annotations

import struct
from dataclasses import asdict, replace
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import chunk_codec
from schemas.chunk_codec import PARTS_VERSION, PLAIN_VERSION, decode_chunk, encode_plain, encode_with_part
from schemas.codec import UndecodableRecord, decode, encode
from schemas.envelope import Sealed
from schemas.generation import TokenChunk
from schemas.parts import ChunkPart
from schemas.registry import versions_of
from tests.golden.samples import samples
from tests.record_strategies import AWKWARD_TEXTS, longs, records, texts

VERSIONS = {each.version: each for each in versions_of(TokenChunk)}
SCHEMAS = {version: fastavro.parse_schema(dict(each.definition)) for version, each in VERSIONS.items()}
FRAMES = {version: struct.pack(">bI", 0, each.id) for version, each in VERSIONS.items()}
FRAME = FRAMES[PLAIN_VERSION]
FIRST = samples(TokenChunk)["first"]

hex_ids = st.integers(0, 2**64 - 1).map("{:016x}".format)
times = st.integers(1_000_000_000_000_000, 3_000_000_000_000_000)
usual = st.builds(
    TokenChunk, st.uuids().map(str), hex_ids, st.integers(1, 8191), times, st.integers(0, 63), texts, st.none()
)
parts = st.builds(
    ChunkPart,
    st.integers(0, 300) | st.integers(0, 2**31 - 1),
    st.sampled_from(["text", "reasoning", "refusal", "tool_call"]),
    texts,
    texts,
)
usual_with_part = st.builds(lambda chunk, part: replace(chunk, part=part), usual, parts)


def version_of(chunk: TokenChunk) -> int:
    """The version that a chunk is written in."""
    return PLAIN_VERSION if chunk.part is None and not chunk.logprobs else PARTS_VERSION


def fastavro_bytes(chunk: TokenChunk) -> bytes:
    """The chunk as fastavro writes it, led by nothing of ours."""
    body = chunk.delta
    wire = {
        "generation_id": chunk.generation_id,
        "attempt_id": chunk.attempt_id,
        "seq": chunk.seq,
        "at_us": chunk.at_us,
        "tokens": chunk.tokens,
        "delta": {
            "body": body
            if isinstance(body, str)
            else {"key_id": body.key_id, "nonce": body.nonce, "ciphertext": body.ciphertext}
        },
        "token_ids": None if chunk.token_ids is None else list(chunk.token_ids),
        "part": None if chunk.part is None else asdict(chunk.part),
        "logprobs": chunk.logprobs,
    }
    buffer = BytesIO()
    version = version_of(chunk)
    fastavro.schemaless_writer(buffer, SCHEMAS[version], wire)
    return FRAMES[version] + buffer.getvalue()


def fastavro_reads(value: bytes) -> TokenChunk | None:
    """What fastavro alone reads; None where it refuses or leaves bytes over."""
    buffer = BytesIO(value[len(FRAME) :])
    version = next(version for version, frame in FRAMES.items() if value.startswith(frame))
    try:
        wire: Any = fastavro.schemaless_reader(buffer, _WITHOUT_TIMES[version], None)
    except Exception:  # it raises whatever the damage leads to
        return None
    if buffer.read():
        return None
    body, ids = wire["delta"]["body"], wire["token_ids"]
    delta = body if isinstance(body, str) else Sealed(**body)
    part = wire.get("part")
    read = {"delta": delta, "token_ids": ids if ids is None else tuple(ids)}
    return TokenChunk(**{**wire, **read, "part": None if part is None else ChunkPart(**part)})


def _plain_long(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain_long(value) for key, value in schema.items() if key != "logicalType"}
    return [_plain_long(item) for item in schema] if isinstance(schema, list) else schema


_WITHOUT_TIMES = {
    version: fastavro.parse_schema(_plain_long(dict(each.definition))) for version, each in VERSIONS.items()
}


@given(usual | usual_with_part | records(TokenChunk))
def test_every_chunk_has_fastavros_bytes_and_comes_back(chunk: TokenChunk) -> None:
    value = fastavro_bytes(chunk)
    assert encode(chunk) == value
    assert decode(value) == chunk
    assert decode(value) == fastavro_reads(value)


@pytest.mark.parametrize("delta", AWKWARD_TEXTS)
def test_awkward_texts_have_fastavros_bytes(delta: str) -> None:
    chunk = replace(FIRST, delta=delta)
    assert encode(chunk) == fastavro_bytes(chunk)
    assert decode(encode(chunk)) == chunk


@given(usual)
def test_what_workers_write_goes_the_quick_way(chunk: TokenChunk) -> None:
    assert isinstance(chunk.delta, str)
    quick = encode_plain(FRAME, chunk)
    if len(chunk.delta.encode()) > 8191:
        assert quick is None
        return
    assert quick == fastavro_bytes(chunk)
    if len(quick) >= 74:
        assert decode_chunk(quick) == chunk


@given(usual_with_part)
def test_what_workers_write_of_other_parts_goes_the_quick_way_too(chunk: TokenChunk) -> None:
    assert isinstance(chunk.delta, str) and chunk.part is not None
    quick = encode_with_part(FRAMES[PARTS_VERSION], chunk)
    if len(chunk.delta.encode()) > 8191:
        assert quick is None
        return
    assert quick == fastavro_bytes(chunk)
    if len(chunk.part.call_id.encode()) + len(chunk.part.name.encode()) < 900:
        assert decode_chunk(quick, parts=True) == chunk
    assert decode_chunk(quick) is None


def test_a_chunk_of_the_first_text_part_is_written_as_the_release_before_wrote_it() -> None:
    assert encode(FIRST).startswith(FRAMES[PLAIN_VERSION])
    assert encode(replace(FIRST, part=ChunkPart(0, "reasoning"))).startswith(FRAMES[PARTS_VERSION])
    assert encode(replace(FIRST, logprobs="[]")).startswith(FRAMES[PARTS_VERSION])


@pytest.mark.parametrize("name", ["seq", "at_us", "tokens"])
@given(number=longs)
@example(number=0)
@example(number=63)
@example(number=64)
@example(number=127)
@example(number=128)
@example(number=8191)
@example(number=8192)
@example(number=2**20)
@example(number=2**40 - 1)
@example(number=2**40)
@example(number=2**55 - 1)
@example(number=2**55)
@example(number=2**62 - 1)
@example(number=2**62)
@example(number=2**63 - 1)
@example(number=-(2**63))
@example(number=-1)
def test_every_number_has_fastavros_bytes(name: str, number: int) -> None:
    chunk = replace(FIRST, **{name: number})
    assert encode(chunk) == fastavro_bytes(chunk)
    assert decode(encode(chunk)) == chunk


@pytest.mark.parametrize("size", [0, 1, 10, 31, 62, 63, 64, 65, 127, 128, 8190, 8191, 8192, 20000])
def test_every_length_of_text_has_fastavros_bytes(size: int) -> None:
    chunk = replace(FIRST, delta="x" * size)
    assert encode(chunk) == fastavro_bytes(chunk)
    assert decode(encode(chunk)) == chunk


@pytest.mark.parametrize(
    "chunk",
    [
        replace(FIRST, token_ids=()),
        replace(FIRST, token_ids=(1, 2)),
        replace(FIRST, delta=Sealed("k", b"n", b"c")),
        replace(FIRST, seq=-1),
        replace(FIRST, tokens=8192),
        replace(FIRST, at_us=0),
        replace(FIRST, seq=True),
        replace(FIRST, delta="x" * 8192),
    ],
)
def test_what_it_does_not_know_it_leaves(chunk: TokenChunk) -> None:
    assert encode_plain(FRAME, chunk) is None
    assert encode_with_part(FRAMES[PARTS_VERSION], replace(chunk, part=ChunkPart(1, "text"))) is None
    assert encode(chunk) == fastavro_bytes(chunk)


def agrees(value: bytes) -> None:
    expected = fastavro_reads(value)
    try:
        found = decode(value)
    except UndecodableRecord:
        found = None
    assert found == expected


@given(usual | usual_with_part, st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_chunk_is_read_as_fastavro_reads_it(chunk: TokenChunk, damage: list[tuple[int, int]]) -> None:
    value = bytearray(encode(chunk))
    for place, byte in damage:
        value[len(FRAME) + place % (len(value) - len(FRAME))] = byte
    agrees(bytes(value))


@pytest.mark.parametrize("chunk", [FIRST, *(samples(TokenChunk)[name] for name in ("long", "reasoning", "call"))])
def test_every_single_damaged_byte_is_read_as_fastavro_reads_it(chunk: TokenChunk) -> None:
    value = encode(chunk)[:120]
    for place in range(len(FRAME), len(value)):
        for byte in (0, 1, 2, 3, 0x40, 0x48, 0x7F, 0x80, 0x81, 0xFE, 0xFF, value[place] ^ 1, value[place] ^ 0x80):
            agrees(value[:place] + bytes((byte,)) + value[place + 1 :])


def test_cut_and_overlong_chunks_are_read_as_fastavro_reads_them() -> None:
    called = replace(FIRST, part=ChunkPart(300, "tool_call", "call", "name"))
    for chunk in (FIRST, called, replace(FIRST, seq=200, delta="x" * 100), replace(FIRST, seq=8000, delta="")):
        value = encode(chunk)
        for length in range(len(FRAME), len(value)):
            agrees(value[:length])
        agrees(value + b"\0")


def test_a_decoded_chunk_is_a_chunk_in_every_way() -> None:
    found = decode(encode(FIRST))
    assert isinstance(found, TokenChunk)
    assert (found, hash(found), repr(found)) == (FIRST, hash(FIRST), repr(FIRST))
    assert replace(found, seq=2).seq == 2
    with pytest.raises(AttributeError):
        found.seq = 3  # type: ignore[misc]  # it is frozen


def test_numbers_longer_than_the_template_are_not_mistaken_for_shorter_ones() -> None:
    value = encode(FIRST)
    seq_at, length_at = value.index(b"\x02", 42 + 17), value.index(b"\x0aHello")
    long_seq = b"\xfe" * 9 + b"\x01"
    agrees(value[:seq_at] + long_seq + b"\x02\x00\x0aHello\x00")
    agrees(value[:length_at] + b"\x8a\x80" + b"\x00" * 8197 + b"\x00")


@pytest.mark.parametrize(
    "chunk",
    [
        replace(FIRST, logprobs="[" + "1," * 50_000 + "1]"),
        replace(FIRST, logprobs="[1]", part=ChunkPart(1, "text")),
        replace(FIRST, part=ChunkPart(1, "tool_call", "i" * 100_000, "n")),
    ],
)
def test_what_follows_a_chunks_text_is_kept_only_where_it_is_a_short_part(chunk: TokenChunk) -> None:
    chunk_codec._part_of.cache_clear()
    assert decode(encode(chunk)) == chunk
    assert chunk_codec._part_of.cache_info().currsize == 0
