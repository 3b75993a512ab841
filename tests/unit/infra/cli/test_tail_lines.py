from __future__ import annotations

import json

import pytest

from infra.cli.tail_lines import HIDDEN, MAIN_FIELDS, Seen, as_json, as_line, conversation_of, read
from infra.cli.terminal import printable
from schemas.codec import encode
from schemas.generation import TokenChunk
from schemas.parts import ChunkPart
from schemas.registry import RECORD_TYPES, current_schema, registered_schemas
from schemas.signing import PasswordSet
from tests.golden.samples import samples

AT_MS = 1_763_692_800_123


def seen(value: bytes | None, key: bytes | None = b"key-1") -> Seen:
    return Seen("token-chunks", 0, 12, AT_MS, key, value)


CASES = [
    pytest.param(record_type, record, id=f"{record_type.__name__}-{name}")
    for record_type in RECORD_TYPES
    for name, record in samples(record_type).items()
]


def test_main_fields_are_of_types_that_there_are() -> None:
    assert set(MAIN_FIELDS) <= {record_type.__name__ for record_type in RECORD_TYPES}


@pytest.mark.parametrize(("record_type", "record"), CASES)
def test_a_type_without_main_fields_is_one_line_of_all_its_fields(
    record_type: type, record: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(MAIN_FIELDS, record_type.__name__, raising=False)
    line = as_line(read(seen(encode(record))))
    assert len(line.splitlines()) == 1
    assert printable(line) == line
    names = [field for field in current_fields(record_type) if getattr(record, field) not in (None, ())]
    assert all(f" {name}=" in line for name in names if name != "envelope")
    assert " envelope=" not in line


@pytest.mark.parametrize(("record_type", "record"), CASES)
def test_every_record_is_one_line_without_control_characters(record_type: type, record: object) -> None:
    line = as_line(read(seen(encode(record))))
    assert len(line.splitlines()) == 1
    assert printable(line) == line
    assert line.startswith(f"2025-11-21T02:40:00.123Z token-chunks[0]@12 {record_type.__name__} key=key-1")


@pytest.mark.parametrize(("record_type", "record"), CASES)
def test_every_record_is_one_json_object(record_type: type, record: object) -> None:
    value = encode(record)
    text = as_json(read(seen(value)))
    assert len(text.splitlines()) == 1
    assert printable(text) == text
    found = json.loads(text)
    assert list(found) == ["topic", "partition", "offset", "timestamp", "type", "schema_id", "key", "record"]
    assert found["type"] == record_type.__name__
    assert found["schema_id"] == int.from_bytes(value[1:5], "big")
    assert set(found["record"]) == set(current_fields(record_type))


def current_fields(record_type: type) -> list[str]:
    return [field["name"] for field in current_schema(record_type).definition["fields"]]


def test_a_chunk_reads_well() -> None:
    chunk = TokenChunk("gen-1", "00ff", 3, 1, 2, 'say "hi"\n\x1b')
    assert as_line(read(seen(encode(chunk)))).partition("key=")[2] == (
        'key-1 generation_id=gen-1 attempt_id=00ff seq=3 tokens=2 delta="say \\"hi\\"\\n\\u001b"'
    )


def test_a_chunk_says_its_part() -> None:
    call = ChunkPart(2, "tool_call", "call_1", "weather\n")
    line = as_line(read(seen(encode(TokenChunk("g", "00ff", 3, 1, 2, "{", part=call)))))
    assert line.endswith('seq=3 tokens=2 part=2/tool_call(call_1, "weather\\n") delta="{"')
    line = as_line(read(seen(encode(TokenChunk("g", "00ff", 4, 1, 2, "Hm", part=ChunkPart(0, "reasoning"))))))
    assert line.endswith('part=0/reasoning delta="Hm"')


def test_sealed_content_is_shown_as_sealed() -> None:
    found = read(seen(encode(samples(TokenChunk)["sealed"])))
    assert "delta=sealed(key of delta, 6 bytes)" in as_line(found)
    assert json.loads(as_json(found))["record"]["delta"] == {
        "sealed": {"key_id": "key of delta", "ciphertext_bytes": 6}
    }


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00\x00", b"plain text", b"\x00\x7f\xff\xff\xffrubbish", b"\x00\0\0\0\1"]
)
def test_what_cannot_be_decoded_is_told_and_passed_over(value: bytes | None) -> None:
    found = read(seen(value, b"\xff"))
    line = as_line(found)
    assert "UNDECODABLE" in line
    assert printable(line) == line
    document = json.loads(as_json(found))
    assert document["record"] is None
    assert document["error"]


def test_a_record_without_key_is_shown() -> None:
    assert "key=-" in as_line(read(seen(b"", None)))


def test_records_tell_their_conversation_directly_or_by_their_turn() -> None:
    for record_type in RECORD_TYPES:
        record = samples(record_type)["full"]
        said = getattr(record, "conversation_id", None) or getattr(
            getattr(record, "turn", None), "conversation_id", None
        )
        assert conversation_of(read(seen(encode(record)))) == said


def test_a_record_of_a_newer_release_is_told_as_such() -> None:
    newest = max(registered_schemas())
    found = read(seen(b"\0" + (newest + 1).to_bytes(4, "big") + b"of tomorrow"))
    said = f"newer than this release, schema id {newest + 1}"
    assert as_line(found).endswith(f"? key=key-1 NEWER ({said}; 16 bytes)")
    document = json.loads(as_json(found))
    assert (document["record"], document["error"], document["schema_id"]) == (None, said, newest + 1)
    assert conversation_of(found) is None


def test_the_hash_of_a_password_goes_nowhere() -> None:
    record = samples(PasswordSet)["full"]
    assert isinstance(record, PasswordSet)
    shown = read(seen(encode(record)))
    found = json.loads(as_json(shown))["record"]
    assert (found["user_id"], found["password_hash"]) == (record.user_id, HIDDEN)
    assert record.password_hash not in as_json(shown) + as_line(shown)
