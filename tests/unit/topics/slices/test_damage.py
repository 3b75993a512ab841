"""Whatever happened to a slice on its way, it is refused before anything is appended."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.control import CancelRequested
from schemas.registry import registered_schemas
from tests.fakes.projection_records import envelope
from tests.unit.topics.slices.incident import Incident
from tests.unit.topics.slices.memory import MemoryLog
from tests.unit.topics.slices.moving import exported, imported
from topics.catalogue import CONVERSATION_EVENTS
from topics.log import RawRecord
from topics.slices.container import ContainerWriter
from topics.slices.errors import SliceRefused
from topics.slices.manifest import FORMAT_VERSION, MANIFEST, MAX_MANIFEST_BYTES, digest_of, rendered
from topics.slices.selection import Selection

EVENTS = "conversation-events.avro"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "s"
    exported(Incident.make().log, folder, Selection(conversations=frozenset({"conv-ada-1"})))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "s")
    return tmp_path / "s"


def refused(folder: Path) -> str:
    """What an import into an empty log says; it must not append."""
    there = MemoryLog()
    with pytest.raises(SliceRefused) as refusal:
        imported(there, folder)
    assert not any(there.ends.values())
    said = str(refusal.value)
    assert "\n" not in said
    return said


def edited(folder: Path, change: Callable[[dict[str, Any]], object], *, forged: bool = False) -> None:
    """Change the manifest; `forged`: with a checksum that fits."""
    body = json.loads((folder / MANIFEST).read_text())
    change(body)
    if forged:
        body.pop("sha256")
        body["sha256"] = digest_of(body)
    (folder / MANIFEST).write_text(rendered(body))


def rewritten(folder: Path, *records: RawRecord) -> None:
    """Other records in the file of the events, and a manifest that fits them."""
    (folder / EVENTS).unlink()
    writer = ContainerWriter(folder / EVENTS)
    for record in records:
        writer.write(record)
    size, sha256 = writer.finish()

    def fit(body: dict[str, Any]) -> None:
        file = next(file for file in body["files"] if file["name"] == EVENTS)
        file.update(bytes=size, sha256=sha256, records=len(records), schema_ids=sorted(writer.schema_ids))

    edited(folder, fit, forged=True)


def raw(value: bytes | None, offset: int = 0, key: bytes = b"conv-ada-1") -> RawRecord:
    return RawRecord(CONVERSATION_EVENTS, 0, offset, 1, key, value)


def test_a_truncated_file(folder: Path) -> None:
    file = folder / EVENTS
    file.write_bytes(file.read_bytes()[:-1])
    assert "conversation-events.avro is damaged: it has" in refused(folder)


@examples(max_examples=30)
@given(where=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere(whole: Path, where: int, bit: int) -> None:
    folder = whole.with_name("flipped")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    files = sorted(folder.iterdir())
    file = files[where % len(files)]
    data = bytearray(file.read_bytes())
    data[where % len(data)] ^= 1 << bit
    file.write_bytes(data)
    assert file.name in refused(folder) or file.name == MANIFEST


def test_a_missing_file(folder: Path) -> None:
    (folder / EVENTS).unlink()
    assert "conversation-events.avro is missing" in refused(folder)


def test_a_file_too_many(folder: Path) -> None:
    (folder / "more.avro").write_bytes(b"")
    assert "more.avro is not named by the manifest" in refused(folder)


def test_a_link_instead_of_a_file(folder: Path) -> None:
    (folder / EVENTS).rename(folder.parent / EVENTS)
    (folder / EVENTS).symlink_to(folder.parent / EVENTS)
    assert "is not a file of this folder" in refused(folder)


def test_a_manifest_that_is_missing_or_is_none(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    assert "it is not JSON" in refused(folder)
    for other in ("[]", '{"format": "other"}'):
        (folder / MANIFEST).write_text(other)
        assert "not a manifest of a slice" in refused(folder)
    with (folder / MANIFEST).open("wb") as file:
        file.truncate(MAX_MANIFEST_BYTES + 1)
    assert "too large" in refused(folder)
    (folder / MANIFEST).unlink()
    assert "has no manifest.json: it is not a slice, or its export was never finished" in refused(folder)
    assert "is not a folder" in refused(folder / EVENTS)
    assert "is not a folder" in refused(folder / "nowhere")


def test_an_edited_manifest(folder: Path) -> None:
    edited(folder, lambda body: body["files"][0].update(records=1))
    assert "was changed after it was written" in refused(folder)


def test_a_newer_format(folder: Path) -> None:
    edited(folder, lambda body: body.update(version=FORMAT_VERSION + 1), forged=True)
    assert f"of format version {FORMAT_VERSION + 1}" in refused(folder)


def test_a_manifest_with_other_fields(folder: Path) -> None:
    edited(folder, lambda body: body.update(more=1), forged=True)
    assert "is not a manifest of a slice (TypeError" in refused(folder)


def test_counts_that_do_not_fit(folder: Path) -> None:
    def less(body: dict[str, Any]) -> None:
        next(file for file in body["files"] if file["name"] == EVENTS)["records"] -= 1

    edited(folder, less, forged=True)
    assert "records, the manifest says" in refused(folder)


def test_a_file_outside_the_folder(folder: Path) -> None:
    edited(folder, lambda body: body["files"][0].update(name="../s/" + EVENTS), forged=True)
    assert "not named by the manifest" in refused(folder)


def test_a_schema_that_is_not_known_here(folder: Path) -> None:
    schema = {"subject": "verbatim.New", "version": 9, "definition": {}}
    edited(folder, lambda body: body["schemas"].update({"9999": schema}), forged=True)
    assert "schema 9999 (verbatim.New version 9) is not known here: the slice was made by a newer" in refused(folder)


def test_a_schema_that_is_another_one_here(folder: Path) -> None:
    number = str(min(registered_schemas()))
    schema = {"subject": "verbatim.Other", "version": 1, "definition": {"type": "string"}}
    edited(folder, lambda body: body["schemas"].update({number: schema}), forged=True)
    assert "is another schema here" in refused(folder)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (raw(b"\0\0\0\xff\xffbody"), "cannot be decoded: schema id 65535"),
        (raw(b"text"), "cannot be decoded"),
        (raw(None), "cannot be decoded: a tombstone"),
        (raw(encode(CancelRequested(envelope("x"), "g", "c", "r"))), "CancelRequested does not belong in"),
    ],
)
def test_records_that_cannot_be_understood(folder: Path, record: RawRecord, said: str) -> None:
    rewritten(folder, record)
    assert said in refused(folder)


def test_records_of_another_topic_or_key_or_order(folder: Path) -> None:
    good = next(iter(Incident.make().log.places[CONVERSATION_EVENTS, 0]))
    rewritten(folder, raw(good.value, key=b"other"))
    assert "another key than its own" in refused(folder)
    rewritten(folder, raw(good.value, 1, good.key or b""), raw(good.value, 1, good.key or b""))
    assert "goes back to 1" in refused(folder)


def test_a_file_that_is_no_avro(folder: Path) -> None:
    (folder / EVENTS).write_bytes(b"text")

    def fit(body: dict[str, Any]) -> None:
        file = next(file for file in body["files"] if file["name"] == EVENTS)
        file.update(bytes=4, sha256=hashlib.sha256(b"text").hexdigest())

    edited(folder, fit, forged=True)
    assert "is not a file of a slice" in refused(folder)


def test_a_topic_that_is_not_there(folder: Path) -> None:
    def other(body: dict[str, Any]) -> None:
        next(file for file in body["files"] if file["name"] == EVENTS)["topic"] = "other"

    edited(folder, other, forged=True)
    assert "no topic 'other' here" in refused(folder)
