"""A verification names every difference, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.order import first_wins, last_wins
from projections.registry import PROJECTIONS, Projection
from projections.replay.comparing import WHOLE_ROW
from projections.replay.ring import Span
from projections.replay.spool import ScratchError
from schemas.codec import encode
from schemas.conversation import ConversationDeleted, ConversationRenamed
from schemas.envelope import Position
from schemas.registry import registered_schemas
from tests.fakes.projection_logs import GROWN, LogBuilder, Placed, logs
from tests.fakes.projection_records import envelope, outcome, prompt, started, turn_of
from tests.fakes.replayed import MemoryLog, MemoryRows
from tests.unit.projections.replay.verified_tables import BY_NAME, Resting, StopAfter, dumped, live_writes, written
from tests.unit.projections.replay.verifying import verified
from topics.catalogue import CONVERSATION_EVENTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
@settings(max_examples=6)
@given(log=logs(), data=st.data())
def test_batches_interleavings_restarts_and_repeats_change_no_byte_of_the_dump(
    folder: Path, projection: Projection, log: list[Placed], data: st.DataObject
) -> None:
    plain = MemoryLog.of(log)
    expected = dumped(plain, projection, folder)
    # Partitions in another order, each in its own; other batches; a run that is stopped and goes on.
    places = data.draw(st.permutations([(record.topic, record.partition) for record in plain.records]))
    left = {place: [r for r in plain.records if (r.topic, r.partition) == place] for place in set(places)}
    other = MemoryLog([left[place].pop(0) for place in places], data.draw(st.integers(1, 9)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.replay.spool.WINDOW_BYTES", 1)
        patch.setattr("projections.replay.spool._MAX_RUNS_OF_A_LEVEL", 2)
        try:
            dumped(other, projection, folder, stop=StopAfter(data.draw(st.integers(0, 3))))
        except InterruptedError:
            other.reads.clear()
        assert dumped(other, projection, folder) == expected
    # Delivered again, in any order, by a projector that was killed: the tables are the same.
    rows = MemoryRows()
    repeats = data.draw(st.lists(st.sampled_from(plain.records), max_size=5))
    rows.project(projection, data.draw(st.permutations(plain.records + repeats)))
    assert verified(plain, rows, projection, folder).equal


@settings(max_examples=25)
@given(log=logs(), data=st.data())
def test_live_writes_are_no_differences(folder: Path, log: list[Placed], data: st.DataObject) -> None:
    """Whatever the projector has written of what came after the cut, or not yet."""
    live_writes(MemoryLog.of(log), folder, data)


@settings(max_examples=50)
@given(log=logs(grows=True), data=st.data())
def test_tables_of_a_log_that_grew_equal_it(folder: Path, log: list[Placed], data: st.DataObject) -> None:
    """At any cut, also one before or across the seam."""
    live_writes(MemoryLog.of(log, topics=GROWN), folder, data)


@settings(max_examples=25)
@given(log=logs(), data=st.data())
def test_a_planted_difference_is_found_by_name(folder: Path, log: list[Placed], data: st.DataObject) -> None:
    projection = data.draw(st.sampled_from(PROJECTIONS))
    plain = MemoryLog.of(log)
    rows = written(plain, projection)
    cells = sorted(rows._cells.items(), key=repr)
    there = rows.cells()
    alive = [((t, k, c), v) for (t, k, c), v in cells if c in there.get(t.split(".")[1], {}).get(k, {})]
    if not alive:
        return
    (table, key, column), (timestamp, value) = data.draw(st.sampled_from(alive))
    match data.draw(st.sampled_from(("value", "timestamp", "gone"))):
        case "value":
            other = {str: "planted", bool: not value, int: 4711, bytes: b"planted"}[type(value)]
            rows._cells[table, key, column] = (timestamp, other)
        case "timestamp":
            rows._cells[table, key, column] = (timestamp + 1, value)
        case "gone":
            del rows._cells[table, key, column]
    verdict = verified(plain, rows, projection, folder)
    named = [(d.table, d.key, d.column) for d in verdict.differences]
    assert named in ([(table.split(".")[1][:-3], key, column)], [(table.split(".")[1][:-3], key, WHOLE_ROW)])
    assert verdict.hash_log != verdict.hash_tables
    difference = verdict.differences[0]
    assert difference.topic in projection.topics
    assert any(
        (r.topic, r.partition, r.offset) == (difference.topic, difference.partition, difference.offset)
        for r in plain.records
    )


def story() -> tuple[MemoryLog, list[Placed]]:
    log = LogBuilder()
    log.said(started("conv-1"))
    asked = prompt("conv-1", "a")
    log.ended(outcome(turn_of(asked, log.said(asked))))
    log.said(ConversationRenamed(envelope("n"), "conv-1", "ada", "One"))
    return MemoryLog.of(log.placed), log.placed


def test_each_kind_of_difference_says_what_where_and_whose(tmp_path: Path) -> None:
    log, placed = story()
    conversations = BY_NAME["conversations"]
    partition = placed[-1].position.partition
    cell = ("memory.conversations_v1", ("conv-1",), "title")

    rows = written(log, conversations)
    rows._cells[cell] = (rows._cells[cell][0], "Two\x1b[2J\nTwo")
    (changed,) = verified(log, rows, conversations, tmp_path / "s").differences
    assert (changed.expected, changed.found) == ('"One"', '"Two\\u001b[2J\\nTwo"')
    assert (changed.topic, changed.partition, changed.offset) == (CONVERSATION_EVENTS, partition, 2)

    rows = written(log, conversations)
    rows._cells[cell] = (last_wins(Position(0, partition, 1)), "One")
    (older,) = verified(log, rows, conversations, tmp_path / "s").differences
    assert (older.expected, older.found) == (
        f'"One" of offset 2 (timestamp {2 << 8})',
        f'"One" of offset 1 (timestamp {1 << 8})',
    )

    (missing,) = verified(log, MemoryRows(), conversations, tmp_path / "s").differences
    assert (missing.column, missing.expected, missing.found) == (WHOLE_ROW, "a row of 10 cells", "no row")
    assert (missing.topic, missing.offset) == (CONVERSATION_EVENTS, 0)

    rows = written(log, conversations)
    rows._cells["memory.conversations_v1", ("nobody",), "title"] = (first_wins(Position(0, 0, 1)), "Nobody's")
    (extra,) = verified(log, rows, conversations, tmp_path / "s").differences
    assert (extra.key, extra.expected, extra.found) == (("nobody",), "no row", "a row of 1 cells")
    assert (extra.topic, extra.partition, extra.offset) == (CONVERSATION_EVENTS, None, 1)


def test_what_was_deleted_and_stands_there_all_the_same_is_a_difference(tmp_path: Path) -> None:
    log, _ = story()
    messages = BY_NAME["messages"]
    rows = written(log, messages)
    deleted = ConversationDeleted(envelope("d"), "conv-1", "ada")
    last = replace(log.records[0], offset=3, value=encode(deleted))
    after = MemoryLog([*log.records, last])
    verdict = verified(after, rows, messages, tmp_path / "s")
    assert [(d.table, d.column, d.expected) for d in verdict.differences] == [("messages", WHOLE_ROW, "no row")]
    # Written by the projector a moment later, or not yet: no difference for whoever looks at the moment before.
    assert verified(after, rows, messages, tmp_path / "s", cut=log.ends()).equal


def test_records_that_make_no_rows_are_named(tmp_path: Path) -> None:
    log, _ = story()
    first = log.records[0]
    damaged = [
        replace(first, offset=3, value=b"no frame"),
        replace(first, offset=4, value=None),
        replace(first, offset=5, value=(9999).to_bytes(5, "big")),
        replace(first, offset=6, value=encode(prompt("", "a"))),
        replace(log.records[2], topic=CONVERSATION_EVENTS, offset=7),
    ]
    log = MemoryLog(log.records + damaged)
    conversations = BY_NAME["conversations"]
    verdict = verified(log, written(log, conversations), conversations, tmp_path / "s")
    assert verdict.equal
    assert verdict.parked_count == 5
    assert [(parked.offset, parked.reason) for parked in verdict.parked] == [
        (3, "first byte is 110, not 0: not in Confluent framing"),
        (4, "a tombstone (null value)"),
        (5, "schema id 9999 is not in the index: written by a newer version?"),
        (6, "conversation_id has 0 characters"),
        (7, "a GenerationCompleted has no place in conversation-events"),
    ]


def test_records_of_a_newer_release_are_named_and_left_out(tmp_path: Path) -> None:
    log, _ = story()
    newest = max(registered_schemas())
    conversations = BY_NAME["conversations"]
    rows = written(log, conversations)
    newer = replace(log.records[0], offset=3, value=b"\0" + (newest + 1).to_bytes(4, "big") + b"of tomorrow")
    later = MemoryLog([*log.records, newer])
    verdict = verified(later, rows, conversations, tmp_path / "s")
    assert (verdict.equal, verdict.parked_count, verdict.newer_count) == (True, 0, 1)
    assert [(record.topic, record.offset, record.reason) for record in verdict.newer] == [
        (newer.topic, 3, f"this record was written by a newer release (schema id {newest + 1}): upgrade")
    ]
    # One that comes while the tables are read explains nothing, and ends nothing.
    assert not verified(later, MemoryRows(), conversations, tmp_path / "s", cut=log.ends()).equal


@settings(max_examples=5)
@given(log=logs(), of=st.integers(1, 5))
def test_the_samples_of_a_table_are_the_table(folder: Path, log: list[Placed], of: int) -> None:
    projection = BY_NAME["messages"]
    plain = MemoryLog.of(log)
    rows = written(plain, projection)
    parts = [verified(plain, rows, projection, folder, sample=part) for part in Span().parts(of)]
    assert sum(part.rows for part in parts) == verified(plain, rows, projection, folder).rows
    assert all(part.equal for part in parts)


def test_an_interrupted_run_goes_on_where_it_stopped_and_another_log_begins_anew(tmp_path: Path) -> None:
    log, _ = story()
    log.batch = 1
    conversations = BY_NAME["conversations"]
    rows = written(log, conversations)
    with pytest.raises(InterruptedError):
        verified(log, rows, conversations, tmp_path / "s", stop=StopAfter(2))
    log.reads.clear()
    assert verified(log, rows, conversations, tmp_path / "s").equal
    partition = log.records[0].partition
    assert log.reads[-1][0] == {(CONVERSATION_EVENTS, partition): 2}
    assert not (tmp_path / "s").exists()

    with pytest.raises(InterruptedError):
        verified(log, rows, conversations, tmp_path / "s", stop=StopAfter(2))
    again = MemoryLog([replace(record, value=encode(prompt("conv-9", "z"))) for record in log.records[:2]])
    assert verified(again, written(again, conversations), conversations, tmp_path / "s").equal
    assert again.reads[-1][0] == {}


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("projections.replay.spool.write_run", full)
    log, _ = story()
    with pytest.raises(ScratchError, match=r"the disk of .* is full: free space there and run it again"):
        verified(log, MemoryRows(), BY_NAME["conversations"], tmp_path / "s")


def test_reading_the_tables_keeps_to_a_pace(folder: Path) -> None:
    log = LogBuilder()
    log.ended(outcome(turn_of(asked := prompt("conversation", "0", "user"), log.said(asked)), text="answer"))
    memory, projection, resting = MemoryLog.of(log.placed), BY_NAME["messages"], Resting()
    verdict = verified(memory, written(memory, projection), projection, folder, rests=resting)
    assert (resting.rows, verdict.equal) == (verdict.rows, True)
    assert resting.rows > 0
