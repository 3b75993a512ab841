"""A slice holds what was asked for, all of it, and is there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.account import ApiKeyCreated, UserCreated
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.registry import registered_schemas
from schemas.usage import EmbeddingsComputed, UsageRecorded
from tests.fakes.projection_records import AT, computed, envelope, started
from tests.unit.topics.slices.incident import JOBS, Incident
from tests.unit.topics.slices.moving import exported
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
)
from topics.log import RawRecord
from topics.partitioner import partition_for
from topics.slices.container import read_container
from topics.slices.errors import SliceRefused
from topics.slices.manifest import MANIFEST
from topics.slices.references import conversation_of, owner_of
from topics.slices.selection import Selection

TURNS = {"conv-ada-1": 5, "conv-ada-2": 3, "conv-bob": 3}
EVERY_TURN_HAS_ONE = (MODERATION_VERDICTS, JOBS, CONTROL, DEAD_LETTERS, GENERATION_OUTCOMES, USAGE_RECORDS)


@pytest.fixture
def incident() -> Incident:
    return Incident.make()


def held(folder: Path) -> dict[str, list[RawRecord]]:
    """What the files of a slice hold, by topic."""
    return {file.stem: list(read_container(file, file.stem)) for file in sorted(folder.glob("*.avro"))}


def of(records: dict[str, list[RawRecord]]) -> set[str | None]:
    """The conversations that records belong to, those without one by their key."""
    found: set[str | None] = set()
    for raws in records.values():
        for raw in raws:
            record = decode(raw.value)
            found.add(conversation_of(record) or (raw.key or b"").decode())
    return found


def test_a_conversation_with_everything_that_followed_from_it(incident: Incident, tmp_path: Path) -> None:
    manifest = exported(incident.log, tmp_path / "s", Selection(conversations=frozenset({"conv-ada-1"})))
    found = held(tmp_path / "s")
    assert {topic: len(records) for topic, records in found.items()} == {
        CONVERSATION_EVENTS: 1 + 5 + 1,
        TOKEN_CHUNKS: 3 * 5,
        **dict.fromkeys(EVERY_TURN_HAS_ONE, 5),
    }
    assert of(found) == {"conv-ada-1"}
    assert manifest.records == sum(len(records) for records in found.values())


@pytest.mark.parametrize(
    "selection",
    [Selection(), Selection(user="ada"), Selection(conversations=frozenset({"conv-ada-1", "conv-passing"}))],
)
def test_a_temporary_conversation_is_in_no_slice(incident: Incident, tmp_path: Path, selection: Selection) -> None:
    incident.log.say(CONVERSATION_EVENTS, replace(started("conv-passing", "ada", AT), temporary=True))
    incident.answer(incident.asked("conv-passing", "ada"), "said in passing")
    exported(incident.log, tmp_path / "s", selection)
    found = held(tmp_path / "s")
    assert "conv-ada-1" in of(found)
    assert "conv-passing" not in of(found)
    assert not any(b"said in passing" in (raw.value or b"") for raws in found.values() for raw in raws)


def test_of_a_temporary_conversation_alone_there_is_no_slice(incident: Incident, tmp_path: Path) -> None:
    incident.log.say(CONVERSATION_EVENTS, replace(started("conv-passing", "eve", AT), temporary=True))
    for selection in (Selection(user="eve"), Selection(conversations=frozenset({"conv-passing"}))):
        with pytest.raises(SliceRefused):
            exported(incident.log, tmp_path / "s", selection)


def test_records_stand_in_it_as_they_do_in_the_log(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(topics=frozenset({CONVERSATION_EVENTS})))
    stored = sorted(held(tmp_path / "s")[CONVERSATION_EVENTS], key=lambda raw: (raw.partition, raw.offset))
    assert stored == [raw for n in range(2) for raw in incident.log.places[CONVERSATION_EVENTS, n]]
    assert all(raw.headers for raw in stored)


def test_a_user_has_their_conversations_and_nobody_elses(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(user="ada"))
    found = held(tmp_path / "s")
    assert of(found) == {"conv-ada-1", "conv-ada-2"}
    assert len(found[USAGE_RECORDS]) == 8
    assert {owner_of(decode(raw.value)) for raw in found[CONVERSATION_EVENTS]} == {"ada"}


def test_requests_for_embeddings_go_with_their_user_and_with_no_conversation(
    incident: Incident, tmp_path: Path
) -> None:
    for user in ("ada", "bob"):
        incident.log.say(USAGE_RECORDS, computed(user, "key"))
        incident.log.say(DEAD_LETTERS, letter_of(computed(user, "key"), user), user)
    exported(incident.log, tmp_path / "user", Selection(user="ada"))
    owners = [owner_of(decode(raw.value)) for raw in held(tmp_path / "user")[USAGE_RECORDS]]
    assert (len(owners), set(owners)) == (9, {"ada"})
    assert [letter.key for letter in letters_of_usage(held(tmp_path / "user"))] == [b"ada"]
    one = Selection(user="ada", conversations=frozenset({"conv-ada-1"}))
    exported(incident.log, tmp_path / "one", one)
    assert all(isinstance(decode(raw.value), UsageRecorded) for raw in held(tmp_path / "one")[USAGE_RECORDS])
    assert letters_of_usage(held(tmp_path / "one")) == []


def letter_of(record: EmbeddingsComputed, user: str) -> DeadLetter:
    return DeadLetter(
        envelope=envelope(f"letter-{user}"),
        topic=USAGE_RECORDS,
        partition=0,
        offset=1,
        consumer="c",
        error_type="E",
        reason="r",
        key=user.encode(),
        value=encode(record),
        headers=(),
    )


def letters_of_usage(records: dict[str, list[RawRecord]]) -> list[DeadLetter]:
    letters = [decode(raw.value) for raw in records[DEAD_LETTERS]]
    return [letter for letter in letters if isinstance(letter, DeadLetter) and letter.topic == USAGE_RECORDS]


@pytest.mark.parametrize(
    ("selection", "what"),
    [
        (Selection(user="bob", conversations=frozenset({"conv-ada-1"})), "none of these conversations is of user bob"),
        (Selection(user="nobody"), "there is no conversation of user nobody"),
        (Selection(conversations=frozenset({"unknown"})), "nothing in the log is what was asked for"),
    ],
)
def test_what_is_not_there_makes_no_slice(incident: Incident, tmp_path: Path, selection: Selection, what: str) -> None:
    with pytest.raises(SliceRefused, match=what):
        exported(incident.log, tmp_path / "s", selection)
    assert list(tmp_path.iterdir()) == []


def test_topics_partitions_and_spans_hold_together(incident: Incident, tmp_path: Path) -> None:
    topic = CONVERSATION_EVENTS
    here = partition_for("conv-ada-1", 2)
    end = incident.log.ends[topic, here]
    assert end > 6
    selection = Selection(topics=frozenset({topic}), partitions=frozenset({here}))
    exported(
        incident.log, tmp_path / "s", selection, {(topic, here): 2}, {(topic, 1 - here): 0, (topic, here): end - 1}
    )
    assert [(raw.partition, raw.offset) for raw in held(tmp_path / "s")[topic]] == [
        (here, n) for n in range(2, end - 1)
    ]


def test_keys_never_leave_and_users_only_when_asked_for(incident: Incident, tmp_path: Path) -> None:
    incident.log.say(
        DEAD_LETTERS,
        DeadLetter(
            envelope=envelope("l"),
            topic=ACCOUNT_EVENTS,
            partition=0,
            offset=1,
            consumer="c",
            error_type="E",
            reason="r",
            key=b"ada",
            value=b"\0" + b"ab" * 32,
            headers=(),
        ),
        "ada",
    )
    exported(incident.log, tmp_path / "all")
    assert ACCOUNT_EVENTS not in held(tmp_path / "all")
    exported(incident.log, tmp_path / "named", Selection(user="ada", accounts=True))
    (account,) = held(tmp_path / "named")[ACCOUNT_EVENTS]
    assert decode(account.value) == UserCreated(envelope("user-ada"), "ada", "Ada")
    for folder in ("all", "named"):
        for records in held(tmp_path / folder).values():
            assert not [raw for raw in records if b"ab" * 32 in (raw.value or b"") and b"laptop" in (raw.value or b"")]
            letters = [decode(raw.value) for raw in records]
            assert not [
                letter for letter in letters if isinstance(letter, DeadLetter) and letter.topic == ACCOUNT_EVENTS
            ]
            assert not [letter for letter in letters if isinstance(letter, ApiKeyCreated)]


NEWER = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"of tomorrow"


@pytest.mark.parametrize("value", [b"\0\0\0\xff\xffwhatever", NEWER], ids=["damaged", "newer"])
def test_the_manifest_explains_the_slice(incident: Incident, tmp_path: Path, value: bytes) -> None:
    broken = incident.log.put(CONVERSATION_EVENTS, "conv-bob", value)
    manifest = exported(incident.log, tmp_path / "s", Selection(conversations=frozenset({"conv-bob"})))
    (unreadable,) = manifest.unreadable
    assert (unreadable.topic, unreadable.partition, unreadable.offset) == (
        CONVERSATION_EVENTS,
        broken.partition,
        broken.offset,
    )
    kept = [raw.value for raw in held(tmp_path / "s")[CONVERSATION_EVENTS]]
    assert kept.count(value) == 1, "its bytes are in the slice as they are"
    written = json.loads((tmp_path / "s" / MANIFEST).read_text())
    used = Counter(number for file in written["files"] for number in file["schema_ids"])
    assert set(written["schemas"]) == {str(number) for number in used if number in registered_schemas()}
    for number, schema in written["schemas"].items():
        assert schema["definition"] == dict(registered_schemas()[int(number)].definition)
    assert written["stop"].count("=") >= len(written["files"])


def test_only_its_owner_can_read_it(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s")
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "s").iterdir()} == {0o600}


def test_a_folder_with_something_in_it_is_left_alone(incident: Incident, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    exported(incident.log, tmp_path / "empty")
    before = sorted((file.name, file.read_bytes()) for file in (tmp_path / "empty").iterdir())
    with pytest.raises(SliceRefused, match="holds a slice already"):
        exported(incident.log, tmp_path / "empty")
    assert before == sorted((file.name, file.read_bytes()) for file in (tmp_path / "empty").iterdir())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    with pytest.raises(SliceRefused, match="is not empty"):
        exported(incident.log, tmp_path / "mine")
    (tmp_path / "file").write_text("")
    with pytest.raises(SliceRefused, match="not a folder"):
        exported(incident.log, tmp_path / "file")
    with pytest.raises(SliceRefused, match="cannot be written"):
        exported(incident.log, tmp_path / "nowhere" / "s")
    assert (tmp_path / "mine" / "letter").read_text() == "dear"


def test_an_export_that_ends_early_leaves_nothing_and_begins_anew(incident: Incident, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        if done > 20:
            raise Interrupted

    with pytest.raises(Interrupted):
        exported(incident.log, tmp_path / "s", report=interrupt)
    assert list(tmp_path.iterdir()) == []
    left = tmp_path / ".s.unfinished"  # what one that was killed leaves
    left.mkdir(0o700)
    (left / "token-chunks.avro").write_bytes(b"half")
    exported(incident.log, tmp_path / "s")
    assert not left.exists()
    (left := tmp_path / ".t.unfinished").mkdir()
    (left / "letter").write_text("dear")
    with pytest.raises(SliceRefused, match="not written by an export"):
        exported(incident.log, tmp_path / "t")
    assert (left / "letter").read_text() == "dear"


def test_two_exports_to_one_folder_exclude_each_other(incident: Incident, tmp_path: Path) -> None:
    def export_too(done: int, total: int) -> None:
        with pytest.raises(SliceRefused, match="another export is writing"):
            exported(incident.log, tmp_path / "s")

    exported(incident.log, tmp_path / "s", report=export_too)


def test_a_full_disk_is_said_and_nothing_is_kept(
    incident: Incident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("topics.slices.container.os.fsync", full)
    with pytest.raises(SliceRefused, match=r"no room .* nothing was written"):
        exported(incident.log, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []
