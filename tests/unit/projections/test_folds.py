"""Whatever order and however often records are delivered, the rows are the same in the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.messages.rows import outcome_from_cells
from projections.messages.table import MESSAGES
from projections.registry import PROJECTIONS, fold_all
from projections.replay.as_of import Past
from projections.rows import Put, RowChange, Table, Unprojectable
from projections.usage.fold import month_of
from schemas.conversation import ConversationRenamed
from schemas.envelope import Position
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from schemas.turns import UNBILLED
from schemas.usage import UsageRecorded
from tests.fakes.projection_logs import TOPICS, LogBuilder, Placed, logs
from tests.fakes.projection_records import (
    AT,
    computed,
    entitled,
    envelope,
    outcome,
    prompt,
    started,
    title,
    turn_of,
    used,
)
from tests.fakes.replayed import raw
from tests.fakes.row_store import Dump, MemoryRowStore
from tests.record_strategies import records
from topics.catalogue import CONVERSATION_EVENTS


def changes_of(placed: Placed) -> list[tuple[int, RowChange]]:
    return fold_all(tuple(p for p in PROJECTIONS if placed.topic in p.topics), placed.record, placed.position)


def rows_after(delivered: list[Placed]) -> Dump:
    store = MemoryRowStore()
    for placed in delivered:
        for version, change in changes_of(placed):
            store.apply(version, change)
    return asyncio.run(store.dump())


@given(logs(), st.data())
def test_any_order_and_any_repeats_end_in_the_same_rows(log: list[Placed], data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(log), max_size=8))
    assert rows_after(data.draw(st.permutations(log + repeats))) == rows_after(log)


@given(logs(), st.data())
def test_a_record_torn_into_single_changes_ends_in_the_same_rows(log: list[Placed], data: st.DataObject) -> None:
    store = MemoryRowStore()
    for version, change in data.draw(st.permutations([c for placed in log for c in changes_of(placed)])):
        store.apply(version, change)
    assert asyncio.run(store.dump()) == rows_after(log)


@given(logs())
def test_every_cell_is_written_from_one_topic(log: list[Placed]) -> None:
    topics: dict[tuple[str, str], set[str]] = {}
    for placed in log:
        for _, change in changes_of(placed):
            if isinstance(change, Put):
                for column in change.cells:
                    topics.setdefault((change.table.name, column), set()).add(placed.topic)
    assert all(len(written_from) == 1 for written_from in topics.values())


@given(logs())
def test_every_cell_and_key_is_one_of_its_table(log: list[Placed]) -> None:
    for placed in log:
        for _, change in changes_of(placed):
            if isinstance(change, Put):
                assert set(change.cells) <= set(change.table.cells)
                assert len(change.key) == len(change.table.key)
                assert None not in change.cells.values()


@given(logs(), st.data())
def test_what_comes_after_a_deletion_stays_unseen(log: list[Placed], data: st.DataObject) -> None:
    from schemas.conversation import ConversationDeleted

    deleted = {p.record.conversation_id for p in log if isinstance(p.record, ConversationDeleted)}
    rows = rows_after(data.draw(st.permutations(log)))
    for conversation in deleted:
        assert rows["conversations_v1"][(conversation,)] == {"deleted": True}
        assert not [key for key in rows.get("messages_v1", {}) if key[0] == conversation]


@given(
    st.one_of(*[records(t) for t in (GenerationCompleted, GenerationFailed, GenerationCancelled, GenerationRefused)])
)
def test_an_outcome_comes_back_exactly(ended: Any) -> None:
    placed_at = {"conversation_id": "c", "generation_id": "g", "cause": Position(0, 0, 3)}
    turn = replace(ended.turn, **placed_at, choice=ended.turn.choice % 256)
    ended = replace(ended, turn=replace(turn, kind="chat" if turn.kind == "title" else turn.kind))
    placed = Placed("generation-outcomes", Position(0, 1, 5), ended)
    cells = next(c.cells for _, c in changes_of(placed) if isinstance(c, Put) and c.table is MESSAGES)
    assert outcome_from_cells(cells["answer"], cells["marks"], cells["outcome"]) == ended


def test_a_repeated_command_changes_neither_its_generation_nor_its_place() -> None:
    log = LogBuilder()
    first = prompt("conv-1", "key")
    log.said(first)
    before = rows_after(log.placed)
    log.said(replace(first, parent_message_id=first.generation_id, tail=Position(0, 0, 90)))
    after = rows_after(log.placed)
    assert after["generations_v1"] == before["generations_v1"]
    assert after["message_places_v1"] == before["message_places_v1"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_title_that_was_made_loses_to_any_that_the_user_gives(order: tuple[int, ...]) -> None:
    log = LogBuilder()
    said = [
        prompt("c", "k", content="Why is the sky blue?"),
        entitled("c", "Made"),
        ConversationRenamed(envelope("by the user"), "c", "ada", "Mine"),
        title("c"),
    ]
    for number in order:
        log.said(said[number])
    assert title_in(log.placed) == "Mine"
    # A rename is never undone; without one, what was made is shown, and before that the prompt.
    assert title_in([placed for placed in log.placed if placed.record is not said[2]]) == "Made"
    assert title_in([placed for placed in log.placed if placed.record in (said[0], said[3])]) == "Why is the sky blue?"
    named = [*log.placed, Placed(CONVERSATION_EVENTS, Position(0, 0, 99), started("c", title="At the start"))]
    assert title_in([placed for placed in named if placed.record is not said[2]]) == "At the start"


def title_in(log: list[Placed]) -> Any:
    past = Past(TOPICS)
    for placed in log:
        past.take(raw(placed))
    row = past.conversation("c").row
    assert row is not None
    assert row.named == (row.title in ("Mine", "At the start"))
    return row.title


def test_a_title_is_no_message_and_on_no_bill() -> None:
    log = LogBuilder()
    asked = title("c")
    ended = outcome(replace(turn_of(asked, log.said(asked)), price=UNBILLED), text="Made")
    log.recorded(used(ended, log.ended(ended)))
    dump = rows_after(log.placed)
    written = {name.rpartition(".")[2].partition("_v")[0] for name, rows in dump.items() if rows}
    assert written == {"conversations", "generations", "message_places"}, dump


def test_a_stateless_prompt_makes_no_conversation() -> None:
    log = LogBuilder()
    asked = prompt("alone", "key", kind="stateless")
    ended = outcome(turn_of(asked, log.said(asked)))
    log.recorded(used(ended, log.ended(ended)))
    rows = rows_after(log.placed)
    assert set(rows) == {"generations_v1", "messages_v1", "usage_v1"}


def test_a_request_for_embeddings_is_billed_and_remembered_by_its_first_record() -> None:
    log = LogBuilder()
    first = computed("ada", "key", AT, "hash", texts=3)
    log.recorded(first)
    log.recorded(computed("ada", "key", AT + 5_000_000, "other", texts=9))
    rows = rows_after(log.placed)
    assert set(rows) == {"embeddings_v1", "usage_v1"}
    known = rows["embeddings_v1"][(first.embedding_id,)]
    assert (known["user_id"], known["request_hash"], known["at_us"], known["prompt_tokens"]) == ("ada", "hash", AT, 30)
    billed = rows["usage_v1"][("ada", month_of(AT), AT, first.embedding_id)]
    assert (billed["outcome_type"], billed["prompt_tokens"], billed["completion_tokens"]) == (
        "EmbeddingsComputed",
        30,
        0,
    )
    assert (billed["price_version"], billed["cost_micros"]) == (first.price.version, first.cost_micros)


def test_a_renamed_conversation_keeps_its_name_when_its_start_is_repeated() -> None:
    log = LogBuilder()
    from schemas.conversation import ConversationRenamed

    begun = started("conv-1", title="Old")
    log.said(begun)
    log.said(ConversationRenamed(begun.envelope, "conv-1", "ada", "New"))
    log.said(begun)
    assert rows_after(log.placed)["conversations_v1"][("conv-1",)]["title"] == "New"


@pytest.mark.parametrize(
    ("topic", "record"),
    [
        ("conversation-events", prompt("", "key")),
        ("conversation-events", prompt("c" * 600, "key")),
        ("conversation-events", prompt("conv-1", "key", at_us=-1)),
        ("generation-outcomes", outcome(turn_of(prompt("conv-1", "key"), Position(-1, 0, 0)))),
        ("generation-outcomes", outcome(turn_of(prompt("conv-1", "key"), Position(0, 0, 2**41)))),
    ],
)
def test_records_that_no_row_can_be_made_of_are_told_apart(topic: str, record: Any) -> None:
    with pytest.raises(Unprojectable):
        changes_of(Placed(topic, Position(0, 0, 0), record))


def test_a_ledger_entry_beyond_all_calendars_is_told_apart() -> None:
    entry: UsageRecorded = used(outcome(turn_of(prompt("conv-1", "key"), Position(0, 0, 0))), Position(0, 0, 0))
    for at_us in (2**62, -(2**62)):
        with pytest.raises(Unprojectable):
            changes_of(Placed("usage-records", Position(0, 0, 0), replace(entry, ended_at_us=at_us)))
    assert changes_of(Placed("usage-records", Position(0, 0, 0), replace(entry, ended_at_us=AT)))[0][1].key[1] == 202511


def test_the_last_rating_stays_and_goes_with_its_conversation() -> None:
    from schemas.conversation import ConversationDeleted, FeedbackGiven

    log = LogBuilder()
    begun = started("conv-1")
    log.said(begun)
    ratings: tuple[tuple[Literal["up", "down"], str | None], ...] = (("up", "good"), ("down", None))
    for rating, comment in ratings:
        log.said(
            FeedbackGiven(
                envelope=begun.envelope,
                conversation_id="conv-1",
                user_id="ada",
                message_id="answer",
                rating=rating,
                comment=comment,
            )
        )
    expected = {"rating": "down", "comment": "", "user_id": "ada", "at_us": AT}
    assert rows_after(log.placed)["feedback_v1"] == {("conv-1", "answer"): expected}
    assert rows_after(log.placed[::-1])["feedback_v1"] == {("conv-1", "answer"): expected}
    log.said(ConversationDeleted(begun.envelope, "conv-1", "ada"))
    assert "feedback_v1" not in rows_after(log.placed)


@pytest.mark.parametrize("table", [table for p in PROJECTIONS for table in p.tables], ids=lambda table: table.name)
def test_only_numbers_descend_for_rebuilds_sort_by_their_negatives(table: Table) -> None:
    assert {table.columns[column] for column in table.descending} <= {"int", "bigint"}
