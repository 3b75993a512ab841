"""What is imported says in another log what it said in its own, once, whatever happens on the way."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from schemas.account import UserCreated
from schemas.conversation import ConversationRenamed, ConversationStarted
from tests.fakes.projection_logs import Placed, logs
from tests.fakes.projection_records import AT, envelope, outcome, prompt, turn_of, used
from tests.unit.topics.slices.elsewhere import brought, check_references, elsewhere, told
from tests.unit.topics.slices.incident import JOBS, Incident
from tests.unit.topics.slices.memory import Killed, MemoryLog
from tests.unit.topics.slices.moving import exported, ignored, imported, planned
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
)
from topics.headers import IMPORTED, is_imported
from topics.slices.entries import key_of
from topics.slices.errors import SliceRefused
from topics.slices.folder import open_slice
from topics.slices.references import owner_of
from topics.slices.selection import Selection
from topics.slices.target import user_there


@pytest.fixture
def incident() -> Incident:
    return Incident.make()


def test_a_conversation_says_elsewhere_what_it_said_here(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(conversations=frozenset({"conv-ada-1"})))
    there = elsewhere()
    others = told(there)
    assert imported(there, tmp_path / "s") == 7 + 3 * 5
    here = told(incident.log)
    after = told(there)
    key = "conv-ada-1"
    assert {place: said for place, said in after.items() if place not in others} == {
        place: [record for record in said if getattr(record, "conversation_id", key) == key]
        for place, said in here.items()
        if place[0] != ACCOUNT_EVENTS and place[1] in (key, "ada")
    }
    assert all(after[place] == said for place, said in others.items())
    check_references(there)


def test_what_would_run_or_is_somebodys_is_not_brought(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(user="ada"))
    there = elsewhere()
    plan = planned(there, tmp_path / "s")
    imported(there, tmp_path / "s")
    for topic in (JOBS, CONTROL, DEAD_LETTERS, TOKEN_CHUNKS):
        assert there.said(topic) == []
    assert plan.strangers == {"ada"}
    assert plan.open_turns == 0
    named = tmp_path / "named"
    exported(incident.log, named, Selection(user="ada", accounts=True))
    assert planned(elsewhere(), named).strangers == set()


def test_an_import_repeated_does_nothing(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(user="ada", accounts=True))
    there = elsewhere()
    imported(there, tmp_path / "s")
    ends = there.ends
    assert imported(there, tmp_path / "s") == 0
    assert imported(incident.log, tmp_path / "s") == 0
    assert there.ends == ends


def test_another_slice_of_the_same_adds_what_it_has_more(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "before", Selection(user="ada"))
    later = prompt("conv-ada-1", "later", "ada", AT + 9_000)
    cause = incident.log.say(CONVERSATION_EVENTS, later)
    incident.log.say(GENERATION_OUTCOMES, outcome(turn_of(later, cause)))
    exported(incident.log, tmp_path / "after", Selection(user="ada"))
    there = elsewhere()
    imported(there, tmp_path / "before")
    assert imported(there, tmp_path / "after") == 2
    assert told(there)[CONVERSATION_EVENTS, "conv-ada-1"] == told(incident.log)[CONVERSATION_EVENTS, "conv-ada-1"]
    check_references(there)
    assert imported(there, tmp_path / "before") == 0


def test_a_later_slice_finds_what_it_refers_to_in_the_earlier_one(incident: Incident, tmp_path: Path) -> None:
    asked = prompt("conv-late", "k", "ada")
    cause = incident.log.say(CONVERSATION_EVENTS, asked)
    exported(incident.log, tmp_path / "first", Selection(conversations=frozenset({"conv-late"})))
    middle = incident.log.ends
    incident.log.say(GENERATION_OUTCOMES, outcome(turn_of(asked, cause)))
    exported(incident.log, tmp_path / "second", Selection(conversations=frozenset({"conv-late"})), middle)
    there = elsewhere()
    assert len(planned(there, tmp_path / "second").left_out) == 1
    assert planned(there, tmp_path / "first").open_turns == 1
    imported(there, tmp_path / "first")
    assert imported(there, tmp_path / "second") == 1
    check_references(there)


def test_what_refers_to_nothing_is_left_out_and_counted(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(topics=frozenset({GENERATION_OUTCOMES, USAGE_RECORDS})))
    plan = planned(there := elsewhere(), tmp_path / "s")
    assert (plan.missing, len(plan.left_out)) == ([], 22)
    assert imported(there, tmp_path / "s") == 0


def test_somebody_else_may_own_it(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(user="ada", accounts=True))
    there = elsewhere()
    assert user_there(there, "Carl") == user_there(there, "carl") == "carl"  # type: ignore[arg-type]  # a log in memory has what it asks of one
    with pytest.raises(SliceRefused, match="no user 'ada' here"):
        user_there(there, "ada")  # type: ignore[arg-type]  # a log in memory has what it asks of one
    imported(there, tmp_path / "s", "carl")
    records = [record for found in brought(there).values() for _, record in found]
    assert {owner_of(record) for record in records} == {"carl"}
    assert {record.envelope.actor for record in records} == {"user:carl"}
    assert len(there.said(ACCOUNT_EVENTS)) == 1
    assert imported(there, tmp_path / "s", "carl") == 0
    with pytest.raises(SliceRefused, match="imported already for another user"):
        imported(there, tmp_path / "s")
    exported(incident.log, tmp_path / "both")
    with pytest.raises(SliceRefused, match="2 owners"):
        open_slice(tmp_path / "both", "carl", ignored)


def test_the_same_ids_with_other_content_are_refused(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(conversations=frozenset({"conv-ada-1"})))
    there = elsewhere()
    there.say(CONVERSATION_EVENTS, ConversationRenamed(envelope("rename", AT + 6_000), "conv-ada-1", "ada", "Other"))
    ends = there.ends
    with pytest.raises(SliceRefused, match="with other content, at conversation-events"):
        imported(there, tmp_path / "s")
    assert there.ends == ends


def test_a_conversation_is_never_put_behind_what_came_after_it(incident: Incident, tmp_path: Path) -> None:
    wanted = Selection(conversations=frozenset({"conv-ada-1"}))
    exported(incident.log, tmp_path / "s", wanted)
    gone_on = elsewhere()
    gone_on.say(CONVERSATION_EVENTS, prompt("conv-ada-1", "own", "ada", AT + 60_000))
    with pytest.raises(SliceRefused, match="has gone on here"):
        imported(gone_on, tmp_path / "s")
    in_part = elsewhere()
    _, last = [
        pair for pair in incident.log.said(CONVERSATION_EVENTS) if key_of(CONVERSATION_EVENTS, pair[1]) == "conv-ada-1"
    ][-2:]
    in_part.say(CONVERSATION_EVENTS, last[1])
    with pytest.raises(SliceRefused, match="here in part"):
        imported(in_part, tmp_path / "s")


def test_a_user_with_another_name_here_is_refused(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(user="ada", accounts=True))
    there = elsewhere()
    there.say(ACCOUNT_EVENTS, UserCreated(envelope("x"), "ada", "Adalbert"))
    with pytest.raises(SliceRefused, match="user ada has another name here"):
        imported(there, tmp_path / "s")


def test_a_log_without_topics_is_refused(incident: Incident, tmp_path: Path) -> None:
    exported(incident.log, tmp_path / "s", Selection(user="ada"))
    there = MemoryLog()
    del there.laid_out[GENERATION_OUTCOMES]
    with pytest.raises(SliceRefused, match="has no topic generation-outcomes"):
        imported(there, tmp_path / "s")


def test_every_record_says_where_it_came_from(incident: Incident, tmp_path: Path) -> None:
    manifest = exported(incident.log, tmp_path / "s", Selection(conversations=frozenset({"conv-bob"})))
    there = elsewhere()
    count = imported(there, tmp_path / "s")
    marks = [
        dict(raw.headers)[IMPORTED] or b""
        for records in there.places.values()
        for raw in records
        if is_imported(raw.headers)
    ]
    assert sorted(marks) == sorted(f"{manifest.sha256}:{number}".encode() for number in range(count))


def lasting(placed: Placed) -> Placed:
    """The record, of no temporary conversation: those are in no slice."""
    record = placed.record
    return (
        replace(placed, record=replace(record, temporary=False)) if isinstance(record, ConversationStarted) else placed
    )


@examples(max_examples=20)
@given(logs(), st.lists(st.integers(0, 12), max_size=3), st.integers(1, 3))
def test_any_log_arrives_whole_however_often_the_import_is_killed(
    log: list[Placed], kills: list[int], partitions: int
) -> None:
    assume(any(placed.topic != ACCOUNT_EVENTS for placed in log))
    here, there = MemoryLog.of([lasting(placed) for placed in log]), MemoryLog(partitions, 2)
    with tempfile.TemporaryDirectory() as folder:
        slice_ = Path(folder) / "s"
        exported(here, slice_)
        for kill in kills:
            there.killed_after(kill)
            with suppress(Killed):
                imported(there, slice_)
        there.killed_after(None)
        imported(there, slice_)
        plan = planned(there, slice_)
    assert (plan.missing, plan.left_out) == ([], [])
    assert told(there) == {place: said for place, said in told(here).items() if place[0] != ACCOUNT_EVENTS}
    check_references(there)


def test_an_outcome_repeated_by_a_recorder_stays_repeated(incident: Incident, tmp_path: Path) -> None:
    """What follows from duplicates is what one may be looking for."""
    _, ended = incident.log.said(GENERATION_OUTCOMES)[0]
    incident.log.say(GENERATION_OUTCOMES, replace(ended))
    exported(incident.log, tmp_path / "s")
    there = elsewhere()
    imported(there, tmp_path / "s")
    same = [r for _, r in there.said(GENERATION_OUTCOMES) if r.turn.generation_id == ended.turn.generation_id]
    assert len(same) == 2
    assert imported(there, tmp_path / "s") == 0


KEYED = (CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS)


def over_seams(log: MemoryLog, grown: Sequence[int]) -> None:
    """Turns of three conversations before, between and after so many growths of the log."""
    for epoch, more in enumerate((0, *grown)):
        if more:
            log.grow(more, *KEYED)
        for number in range(3):
            for n in range(2):
                asked = prompt(f"conv-{number}", f"{epoch}-{n}", "ada", at_us=AT + epoch * 100 + n)
                turn = turn_of(asked, log.say(CONVERSATION_EVENTS, asked))
                ended = outcome(turn)
                log.say(USAGE_RECORDS, used(ended, log.say(GENERATION_OUTCOMES, ended)))


@pytest.mark.parametrize("grown", [(3,), (1, 5)])
@pytest.mark.parametrize("grown_there", [(), (4,)])
def test_a_log_of_several_epochs_arrives_in_its_order(
    grown: Sequence[int], grown_there: Sequence[int], tmp_path: Path
) -> None:
    here, there = MemoryLog(), elsewhere()
    over_seams(here, grown)
    exported(here, tmp_path / "s")
    for more in grown_there:
        there.grow(more, *KEYED)
    others = told(there)
    assert imported(there, tmp_path / "s") == 3 * 2 * 3 * (len(grown) + 1)
    after = told(there)
    assert {place: said for place, said in after.items() if place not in others} == told(here)
    check_references(there)
    there.grow(2, *KEYED)
    assert imported(there, tmp_path / "s") == 0, "what stands in an older epoch is found"
