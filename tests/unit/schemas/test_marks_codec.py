"""Chunk marks: ours say what fastavro says, byte for byte, or leave it to fastavro."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import UndecodableRecord, decode, encode
from schemas.marks_codec import chunk_mark, decode_marks, encode_marks
from schemas.outcome import ChunkMark, GenerationCompleted
from tests.golden.samples import samples
from tests.record_strategies import longs

SCHEMA = fastavro.parse_schema(
    {
        "type": "array",
        "items": {
            "type": "record",
            "name": "ChunkMark",
            "fields": [{"name": name, "type": "long"} for name in ("length", "tokens", "at_us")],
        },
    }
)
AT = 1_793_491_200_000_000
usual = st.builds(ChunkMark, st.integers(0, 63), st.integers(0, 63), st.integers(AT, AT + 2**32))
any_mark = st.builds(ChunkMark, st.integers(60, 70) | longs, st.integers(60, 70) | longs, longs)


def fastavro_bytes(marks: tuple[ChunkMark, ...]) -> bytes:
    buffer = BytesIO()
    wire = [{"length": m.length, "tokens": m.tokens, "at_us": m.at_us} for m in marks]
    fastavro.schemaless_writer(buffer, SCHEMA, wire)
    return buffer.getvalue()


def fastavro_reads(value: bytes) -> tuple[tuple[ChunkMark, ...], int] | None:
    """The marks and how many bytes they took; None where fastavro refuses."""
    buffer = BytesIO(value)
    try:
        wire: Any = fastavro.schemaless_reader(buffer, SCHEMA, None)
    except Exception:  # it raises whatever the damage leads to
        return None
    return tuple(ChunkMark(**mark) for mark in wire), buffer.tell()


@given(st.lists(usual, max_size=200).map(tuple))
def test_usual_marks_go_the_quick_way(marks: tuple[ChunkMark, ...]) -> None:
    value = encode_marks(marks)
    assert value == fastavro_bytes(marks)
    assert decode_marks(b"before" + value + b"after", 6) == (marks, 6 + len(value))


@given(st.lists(usual | any_mark, max_size=5).map(tuple))
def test_all_marks_have_fastavros_bytes_and_come_back(marks: tuple[ChunkMark, ...]) -> None:
    value = fastavro_bytes(marks)
    assert encode_marks(marks) in (None, value)
    assert decode_marks(value, 0) in (None, (marks, len(value)))
    outcome = replace(samples(GenerationCompleted)["full"], chunks=marks)
    assert decode(encode(outcome)) == outcome


@given(
    st.lists(usual, max_size=12).map(tuple),
    st.lists(st.tuples(st.integers(0, 2**10), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_damaged_marks_are_read_as_fastavro_reads_them_or_left(
    marks: tuple[ChunkMark, ...], damage: list[tuple[int, int]]
) -> None:
    value = bytearray(fastavro_bytes(marks))
    for place, byte in damage:
        value[place % len(value)] = byte
    found = decode_marks(bytes(value), 0)
    assert found is None or found == fastavro_reads(bytes(value))


def test_an_overlong_count_is_left() -> None:
    assert decode_marks(b"\x80\x00\x00", 0) is None
    assert decode_marks(b"\x82\x00" + fastavro_bytes((ChunkMark(5, 1, AT),))[1:], 0) is None


def test_something_else_than_a_tuple_is_left() -> None:
    assert encode_marks(None) is None  # type: ignore[arg-type]  # wrong on purpose


def test_cut_marks_are_left() -> None:
    value = fastavro_bytes((ChunkMark(5, 1, AT),) * 200)
    for length in range(len(value)):
        assert decode_marks(value[:length], 0) is None


@pytest.mark.parametrize("count", [1, 63, 64, 65, 8191, 8192])
def test_any_number_of_marks_comes_back(count: int) -> None:
    outcome = replace(samples(GenerationCompleted)["full"], chunks=(ChunkMark(5, 1, AT),) * count)
    value = encode(outcome)
    assert decode(value) == outcome
    with pytest.raises(UndecodableRecord):
        decode(value[:-1])
    with pytest.raises(UndecodableRecord, match="1 bytes are left over"):
        decode(value + b"\0")


@pytest.mark.parametrize("mark", [ChunkMark(True, 1, AT), ChunkMark(-1, 1, AT), ChunkMark(1, 64, AT)])
def test_what_it_does_not_know_it_leaves(mark: ChunkMark) -> None:
    assert encode_marks((mark,)) is None


def test_a_quick_mark_is_a_mark_in_every_way() -> None:
    quick, slow = chunk_mark(1, 2, 3), ChunkMark(1, 2, 3)
    assert (quick, hash(quick), repr(quick)) == (slow, hash(slow), repr(slow))
    with pytest.raises(AttributeError):
        quick.length = 2  # type: ignore[misc]  # it is frozen
