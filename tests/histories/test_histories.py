"""Every history comes to what it came to when it was recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from schemas.codec import UndecodableRecord, decode, record_type_of
from schemas.registry import RECORD_TYPES
from tests.histories import older
from tests.histories.history import HISTORIES, read_log, replayed
from tests.histories.older import older_schemas

FOLDERS = sorted(folder for folder in HISTORIES.iterdir() if folder.is_dir())


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    history: Path = request.param
    with older_schemas() if history.name == older.NAME else nullcontext():
        yield history


def test_a_history_comes_to_the_same_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    found = replayed(read_log(folder), tmp_path).files
    kept = {
        str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.json*") if file.name != "log.jsonl"
    }
    assert found.keys() == kept.keys()
    for name, content in found.items():
        assert content == kept[name], f"{folder.name}: {name} is not what was recorded"


def test_a_history_names_no_machine(folder: Path) -> None:
    for raw in read_log(folder):
        assert not re.search(rb"/(?:work|root|home|tmp)/|vk_[A-Za-z0-9_-]{43}", raw.value or b"")


def test_a_recorded_log_decodes_to_the_last_record() -> None:
    records = read_log(HISTORIES / "turns")
    assert all(decode(raw.value) is not None for raw in records)
    there = {record_type_of(raw.value) for raw in records}
    assert len(there & set(RECORD_TYPES)) >= 18


def test_an_old_record_takes_every_step_into_todays_tables() -> None:
    rows = [json.loads(line) for line in (HISTORIES / older.NAME / "dumps/accounts.jsonl").read_text().splitlines()]
    names = sorted(cells["name"][1] for table, _, cells in rows if table == "users")
    # One through two steps, one through the last, one as today.
    assert names == ["Grace", "Newest", "User-F5C6"]


def test_what_cannot_be_understood_is_parked_by_name() -> None:
    parked = json.loads((HISTORIES / older.NAME / "parked.json").read_text())
    assert [(topic, reason) for topic, _, _, reason in parked] == [
        ("conversation-events", "the body does not fit ConversationRenamed (schema id 4): EOFError"),
        ("conversation-events", "schema id 3000000 is not in the index: written by a newer version?"),
        ("conversation-events", "a UserCreated has no place in conversation-events"),
        ("conversation-events", "a tombstone (null value)"),
        ("conversation-events", "message_id has 600 characters"),
    ]


def test_without_its_schema_an_old_record_is_parked_and_without_its_step_nothing_starts(tmp_path: Path) -> None:
    records = read_log(HISTORIES / older.NAME)
    with pytest.raises(UndecodableRecord, match="schema id 2000001 is not in the index"):
        decode(records[0].value)
    reasons = [reason for *_, reason in json.loads(replayed(records, tmp_path).files["parked.json"])]
    assert sum("is not in the index" in reason for reason in reasons) == 3
    with pytest.raises(RuntimeError, match="has no step for UserCreated from version -1"), older_schemas(steps=False):
        raise AssertionError("unreachable")
