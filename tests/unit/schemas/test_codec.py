"""Bytes and back: two implementations agree, what does not fit is refused clearly, damage is always called damage."""

from __future__ import annotations

import json
import struct
from dataclasses import is_dataclass, replace
from io import BytesIO
from typing import Any

import avro.io
import avro.schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import FRAME_BYTES, NewerRecord, UndecodableRecord, UnencodableRecord, decode, encode, record_type_of
from schemas.conversation import ConversationStarted
from schemas.envelope import Sealed
from schemas.generation import TokenChunk
from schemas.registry import RECORD_TYPES, registered_schemas
from tests.golden.samples import samples
from tests.record_strategies import any_record, records

CANARY = "zebra-canary"


def _untyped(schema: Any) -> Any:
    # avro would turn timestamps into datetimes; the bytes are the same without the logical type.
    if isinstance(schema, dict):
        return {key: _untyped(value) for key, value in schema.items() if key != "logicalType"}
    return [_untyped(item) for item in schema] if isinstance(schema, list) else schema


AVRO = {
    schema.id: avro.schema.parse(json.dumps(_untyped(dict(schema.definition))))
    for schema in registered_schemas().values()
}


def datum(value: Any, schema: avro.schema.Schema) -> Any:
    """A record as the avro library takes and gives it, led by the schema alone."""
    if isinstance(schema, avro.schema.UnionSchema):
        inner = [branch for branch in schema.schemas if branch.type != "null"]
        if value is None:
            return None
        return datum(
            value, next(s for s in inner if (s.type == "record") == is_dataclass(value)) if len(inner) > 1 else inner[0]
        )
    if isinstance(schema, avro.schema.RecordSchema):
        if schema.name == "Content":
            return {"body": datum(value, schema.fields[0].type)}
        return {field.name: datum(getattr(value, field.name), field.type) for field in schema.fields}
    if isinstance(schema, avro.schema.ArraySchema):
        return [datum(item, schema.items) for item in value]
    return value


def avro_bytes(record: Any, schema_id: int) -> bytes:
    """A record framed and written by the avro library."""
    schema = AVRO[schema_id]
    body = BytesIO()
    avro.io.DatumWriter(schema).write(datum(record, schema), avro.io.BinaryEncoder(body))
    return struct.pack(">bI", 0, schema_id) + body.getvalue()


def id_of(value: bytes) -> int:
    return int.from_bytes(value[1:5], "big")


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_both_implementations_write_the_same_and_read_each_other(record_type: type) -> None:
    @settings(max_examples=25)
    @given(records(record_type))
    def agree(record: Any) -> None:
        ours = encode(record)
        schema = AVRO[id_of(ours)]
        assert ours == avro_bytes(record, id_of(ours))
        assert decode(ours) == record
        body = BytesIO(ours[FRAME_BYTES:])
        assert avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(body)) == datum(record, schema)
        assert body.read() == b""

    agree()


@given(any_record())
def test_reading_what_was_written_gives_the_record_and_the_same_bytes_again(record: Any) -> None:
    value = encode(record)
    assert decode(value) == record
    assert encode(decode(value)) == value
    assert record_type_of(value) is type(record)


def chunk(**changes: Any) -> TokenChunk:
    return replace(TokenChunk("g", "a", 1, 1, 1, CANARY), **changes)


@pytest.mark.parametrize(
    "record",
    [
        chunk(delta=f"{CANARY}\ud800"),
        chunk(generation_id=f"{CANARY}\udfff"),
        chunk(delta=None),
        chunk(delta=CANARY.encode()),
        chunk(delta=Sealed(CANARY, None, CANARY.encode())),  # type: ignore[arg-type]  # wrong on purpose
        chunk(seq=CANARY),
        chunk(seq=None),
        chunk(seq=2**63),
        chunk(at_us=-(2**63) - 1),
        chunk(token_ids=(CANARY,)),
        replace(samples(ConversationStarted)["full"], user_id=None),
        replace(samples(ConversationStarted)["full"], title=f"{CANARY}\ud800"),
    ],
)
def test_values_that_do_not_fit_are_refused_without_being_quoted(record: Any) -> None:
    with pytest.raises(UnencodableRecord, match="does not fit its schema") as caught:
        encode(record)
    shown, seen = str(caught.value), caught.value.__cause__
    assert CANARY not in shown and type(record).__name__ in shown
    assert seen is None and caught.value.__suppress_context__


def test_a_lone_surrogate_is_named() -> None:
    with pytest.raises(UnencodableRecord, match="lone surrogate"):
        encode(chunk(delta="\ud800"))


def test_no_token_ids_and_an_empty_list_of_them_differ() -> None:
    assert decode(encode(chunk(token_ids=()))) == chunk(token_ids=())
    assert decode(encode(chunk(token_ids=None))) == chunk(token_ids=None) != chunk(token_ids=())


def test_something_else_than_a_record_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        encode({"generation_id": "g"})


GOOD = encode(samples(TokenChunk)["first"])
GOOD_SLOW = encode(samples(TokenChunk)["sealed"])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "tombstone"),
        (b"", "too short"),
        (b"\0", "too short"),
        (b"\0\0\0\0", "too short"),
        (b"\1" + GOOD[1:], "first byte is 1,"),
        (b"\xff" + GOOD[1:], "first byte is 255,"),
        (b'{"seq": 1}', "first byte is 123,"),
        (b"\0\0\0\0\0" + GOOD[5:], "schema id 0 "),
        (struct.pack(">bI", 0, max(registered_schemas()) + 1001) + GOOD[5:], "is not in the index"),
        (b"\0\xff\xff\xff\xff" + GOOD[5:], "schema id 4294967295 "),
        (GOOD[:5], "does not fit TokenChunk"),
        (GOOD[:-1], "does not fit TokenChunk"),
        (GOOD + b"\0", "1 bytes are left over after TokenChunk"),
        (GOOD_SLOW + b"\0\0", "2 bytes are left over after TokenChunk"),
        (GOOD.replace(b"Hello", b"\xff\xfe\xfd\xfc\xfb"), "does not fit TokenChunk"),
        (GOOD.replace(b"Hello", b"\xed\xa0\x80ab"), "does not fit TokenChunk"),
    ],
)
def test_what_is_no_record_is_undecodable(value: bytes | None, says: str) -> None:
    with pytest.raises(UndecodableRecord, match=says):
        decode(value)


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_a_record_cut_anywhere_or_followed_by_anything_is_undecodable(record_type: type) -> None:
    for record in samples(record_type).values():
        value = encode(record)
        for length in range(len(value)):
            with pytest.raises(UndecodableRecord):
                decode(value[:length])
        with pytest.raises(UndecodableRecord):
            decode(value + b"\0")


def _all_messages(error: BaseException | None) -> str:
    return "" if error is None else f"{error} {_all_messages(error.__cause__)}"


@given(st.sampled_from(sorted(registered_schemas())), st.binary(max_size=80))
def test_random_bodies_are_records_or_undecodable(schema_id: int, body: bytes) -> None:
    value = struct.pack(">bI", 0, schema_id) + body
    try:
        record = decode(value)
    except UndecodableRecord:
        return
    assert type(record).__name__ == registered_schemas()[schema_id].record_name
    assert decode(encode(record)) == record or "nan" in repr(record)


@given(st.binary(max_size=200))
def test_random_bytes_are_records_undecodable_or_newer(value: bytes) -> None:
    try:
        decode(value)
    except (UndecodableRecord, NewerRecord):
        assert True


@given(
    any_record(),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_records_are_records_undecodable_or_newer(record: Any, damage: list[tuple[int, int]]) -> None:
    value = bytearray(encode(record))
    for place, byte in damage:
        value[place % len(value)] = byte
    try:
        decode(bytes(value))
    except (UndecodableRecord, NewerRecord):
        assert True


def test_an_error_holds_no_content() -> None:
    value = encode(chunk(delta=CANARY * 20, token_ids=(1, 2, 3)))
    for length in range(len(value)):
        with pytest.raises(UndecodableRecord) as caught:
            decode(value[:length])
        assert CANARY not in _all_messages(caught.value)


def test_an_announced_giant_is_refused_at_once() -> None:
    giant = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"
    with pytest.raises(UndecodableRecord):
        decode(GOOD[:5] + giant + b"abc")
    with pytest.raises(UndecodableRecord):
        decode(GOOD[:-1] + b"\x02" + giant + b"\0")


@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), (b"", None), (b"\1" + GOOD[1:], None), (GOOD[:5], TokenChunk)]
)
def test_the_type_is_told_by_the_frame_alone(value: bytes | None, expected: type | None) -> None:
    assert record_type_of(value) is expected
    assert record_type_of(b"\0\0\0\xff\xff") is None
