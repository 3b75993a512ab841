"""The past is what the tables said then; and what is shown of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.order import order_key
from projections.registry import PROJECTIONS
from projections.replay.as_of import Past
from projections.replay.looking_back import (
    conversation_then,
    deletion_of,
    generation_then,
    user_then,
    whole_conversation,
)
from projections.replay.showing import changes, conversation_state, flat
from schemas import ids
from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.codec import decode, encode
from schemas.conversation import ConversationDeleted, ConversationRenamed
from schemas.envelope import Position
from schemas.generation import AttemptStarted, TokenChunk, Turn
from schemas.outcome import Outcome
from tests.fakes.projection_logs import GROWN, TOPICS, LogBuilder, Placed, logs
from tests.fakes.projection_records import AT, computed, envelope, outcome, prompt, started, turn_of, used
from tests.fakes.replayed import MemoryLog, MemoryRows
from tests.histories import account
from tests.histories.history import HISTORIES, read_log
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, Catalogue
from topics.cuts import Cut
from topics.log import RawRecord

ADA = ids.user_id("ada")
CONVERSATION = ids.conversation_id(ADA, "one")


def never(kept: int) -> None:
    """Nobody ends the reading."""


@settings(max_examples=20)
@given(logs(), st.data())
def test_the_past_at_a_cut_is_what_the_tables_held_there(log: list[Placed], data: st.DataObject) -> None:
    whole = MemoryLog.of(log)
    cut = {place: data.draw(st.integers(0, end)) for place, end in sorted(whole.ends().items())}
    past, rows = Past(TOPICS), MemoryRows()
    below = [raw for batch in whole.read({}, cut) for raw in batch]
    for raw in data.draw(st.permutations(below)):
        past.take(raw)
    # Sums tell of no conversation, answer or user: the past is asked for none.
    for projection in (p for p in PROJECTIONS if not p.counts):
        rows.project(projection, below)
        for table in projection.tables:
            assert past.rows(table) == rows.rows().get(f"{table.name}_v1", {})


@settings(max_examples=40)
@given(logs(grows=True), st.data())
def test_tables_of_a_log_that_grew_do_not_depend_on_the_order_in_which_it_is_read(
    log: list[Placed], data: st.DataObject
) -> None:
    whole = MemoryLog.of(log, topics=GROWN)
    past, as_written = Past(GROWN), Past(GROWN)
    for raw in data.draw(st.permutations(whole.records)):
        past.take(raw)
    for raw in whole.records:
        as_written.take(raw)
    for projection in PROJECTIONS:
        for table in projection.tables:
            assert past.rows(table) == as_written.rows(table)


@settings(max_examples=20)
@given(logs(), st.data())
def test_reading_one_conversation_alone_shows_the_same(log: list[Placed], data: st.DataObject) -> None:
    _read_alone(log, TOPICS, data)


@settings(max_examples=60)
@given(logs(grows=True), st.data())
def test_reading_one_conversation_alone_crosses_the_seam(log: list[Placed], data: st.DataObject) -> None:
    _read_alone(log, GROWN, data)


def _read_alone(log: list[Placed], topics: Catalogue, data: st.DataObject) -> None:
    whole = MemoryLog.of(log, topics=topics)
    cut = {place: data.draw(st.integers(0, end)) for place, end in sorted(whole.ends().items())}
    past = Past(topics)
    for batch in whole.read({}, cut):
        for raw in batch:
            past.take(raw)
    for conversation_id in ("conv-1", "conv-2", "conv-3"):
        expected = past.conversation(conversation_id)
        assert whole_conversation(whole, topics, conversation_id, cut, never).conversation(conversation_id) == expected
        said = [p for p in log if p.topic == CONVERSATION_EVENTS and p.record.conversation_id == conversation_id]
        first = [order_key(placed.position) for placed in said]
        if first:
            found, then = conversation_then(whole, topics, conversation_id, min(first), cut, never)
            assert then == expected
            assert all(cut[at] == offset for at, offset in found.items())


class Story(LogBuilder):
    """Ada begins a conversation, asks, is answered, renames it and deletes it; `cuts` by what had just happened."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog([])
        self.cuts: dict[str, Cut] = {"nothing": self.log.ends()}
        self.account(UserCreated(envelope("u"), ADA, "ada"))
        self.account(
            ApiKeyCreated(
                envelope=envelope("k"), user_id=ADA, key_id="key-1", key_sha256="aa" * 32, label="laptop", hint="wxyz"
            )
        )
        self.said(started(CONVERSATION, ADA, title="First"))
        self.kept("begun")
        self.asked = prompt(CONVERSATION, "a", ADA, AT + 5, tail=Position(0, 0, 1))
        self.generation = self.asked.generation_id
        turn = turn_of(self.asked, self.said(self.asked))
        self.said(self.asked)
        self.kept("asked")
        self.append(TOKEN_CHUNKS, "other", TokenChunk("other", "x", 1, AT, 1, "not ours"))
        start = AttemptStarted(
            envelope=envelope("s"),
            turn=turn,
            attempt_id="a1",
            number=1,
            prompt_tokens=3,
            worker="w",
            job=Position(0, 0, 0),
        )
        self.append(TOKEN_CHUNKS, CONVERSATION, start)
        self.append(TOKEN_CHUNKS, CONVERSATION, TokenChunk(self.generation, "a1", 1, AT, 1, "A seq"))
        self.kept("half")
        ended = outcome(turn, at_us=AT + 9)
        self.recorded(used(ended, self.ended(ended)))
        self.kept("answered")
        self.said(ConversationRenamed(envelope("n"), CONVERSATION, ADA, "Second"))
        self.kept("renamed")
        self.account(ApiKeyRevoked(envelope("r"), ADA, "key-1", "aa" * 32))
        self.said(ConversationDeleted(envelope("d"), CONVERSATION, ADA))
        self.kept("deleted")

    def append(self, topic: str, key: str, record: Any) -> Position:
        position = super().append(topic, key, record)
        at_ms = AT // 1000 + len(self.log.records)
        value = encode(record)
        self.log.records.append(RawRecord(topic, position.partition, position.offset, at_ms, key.encode(), value))
        return position

    def kept(self, what: str) -> None:
        self.cuts[what] = self.log.ends()

    def conversation(self, what: str) -> dict[str, Any]:
        past = whole_conversation(self.log, TOPICS, CONVERSATION, self.cuts[what], never)
        return conversation_state(CONVERSATION, past.conversation(CONVERSATION))

    def generation_at(self, what: str) -> dict[str, Any]:
        return generation_then(self.log, TOPICS, self.generation, self.cuts[what], never)


def test_a_conversation_before_and_after_a_rename_and_a_deletion() -> None:
    story = Story()
    assert story.conversation("nothing") == {"conversation": CONVERSATION, "state": "not there", "messages": {}}
    titles = [story.conversation(what).get("title") for what in ("begun", "answered", "renamed", "deleted")]
    assert titles == ["First", "First", "Second", None]
    assert story.conversation("deleted")["state"] == "deleted"
    assert [m["content"] for m in story.conversation("answered")["messages"].values()] == [
        "What is an event log?",
        "A sequence.",
    ]
    deletion = deletion_of(story.log, TOPICS, CONVERSATION, never)
    assert deletion is not None
    assert deletion.envelope == envelope("d")
    assert deletion_of(story.log, TOPICS, "nobody", never) is None


def test_a_generation_as_far_as_it_had_come() -> None:
    story = Story()
    states = [story.generation_at(what) for what in ("begun", "asked", "half", "answered")]
    assert [state["state"] for state in states] == ["not there", "asked for", "running", "completed"]
    assert [state.get("text") for state in states] == [None, None, "A seq", "A sequence."]
    partition = TOPICS.partition(CONVERSATION_EVENTS, CONVERSATION)
    assert states[1]["asked_by"] == f"conversation-events:{partition} offset 1"
    assert (states[3]["finish_reason"], states[3]["tokens"], states[3]["cost_micros"]) == ("stop", "12+4", 99)


def test_a_user_with_keys_conversations_and_usage() -> None:
    story = Story()
    before = user_then(story.log, TOPICS, ADA, story.cuts["answered"], never)
    assert (before["name"], before["keys"]["key-1"]["revoked_at"]) == ("ada", None)
    assert before["conversations"][CONVERSATION]["title"] == "First"
    sums = {"prompt_tokens": 12, "completion_tokens": 4, "cost_micros": 99, "generations": 1}
    assert before["usage"] == {"local, EUR": sums}
    after = user_then(story.log, TOPICS, ADA, story.cuts["deleted"], never)
    assert after["keys"]["key-1"]["revoked_at"] is not None
    assert after["conversations"] == {CONVERSATION: "deleted"}
    assert user_then(story.log, TOPICS, "nobody", story.cuts["deleted"], never)["state"] == "not there"


def test_what_a_user_kept_is_shown_as_it_was() -> None:
    log = MemoryLog(read_log(HISTORIES / "account"))
    user, kept = account.USER, account.KEPT
    cut = {place: end for place, end in log.ends().items() if end}
    state = user_then(log, TOPICS, user, cut, never)
    assert state["settings"] == {
        "starts": '["Name three colours."]',
        "systemPrompt": '"Be brief."',
        "textSize": "110",
    }
    assert state["folders"] == {account.HOME: "At home"}
    assert state["snippets"] == {account.BRIEF: {"name": "short", "text": "In two words."}}
    settings = '{"model":"local","topP":0.9}'
    assert state["conversations"][kept].items() >= {"archived": True, "settings": settings}.items()
    assert "folder" not in state["conversations"][kept]
    assert state["conversations"][account.GONE] == "deleted"
    conversation = whole_conversation(log, TOPICS, kept, cut, never).conversation(kept)
    assert conversation_state(kept, conversation).items() >= {"archived": True, "settings": settings}.items()
    # Of a cut that names no place of account-events, none of it.
    said = {place: end for place, end in cut.items() if place[0] != ACCOUNT_EVENTS}
    assert "archived" not in conversation_state(
        kept, whole_conversation(log, TOPICS, kept, said, never).conversation(kept)
    )
    passing = whole_conversation(log, TOPICS, account.PASSING, cut, never).conversation(account.PASSING)
    assert conversation_state(account.PASSING, passing)["temporary"] is True


def test_of_a_request_for_embeddings_the_first_record_is_counted() -> None:
    story = Story()
    story.recorded(computed(ADA, "key", AT + 20, "hash"))
    story.recorded(computed(ADA, "key", AT + 30, "hash"))
    story.recorded(computed(ADA, "another", AT + 40))
    story.kept("embedded")
    used_then = user_then(story.log, TOPICS, ADA, story.cuts["embedded"], never)["usage"]
    cost = computed(ADA, "key").cost_micros
    sums = {"prompt_tokens": 60, "completion_tokens": 0, "cost_micros": 2 * cost, "embeddings": 2}
    assert used_then["static, EUR"] == sums
    assert used_then["local, EUR"]["generations"] == 1


def test_what_changed_is_told_line_by_line() -> None:
    story = Story()
    assert changes(story.conversation("answered"), story.conversation("answered")) == []
    assert changes(story.conversation("answered"), story.conversation("renamed")) == [("title", "First", "Second")]
    came = {name: (old, new) for name, old, new in changes(story.conversation("begun"), story.conversation("answered"))}
    assert came[f"messages {story.generation} content"] == (None, "A sequence.")
    gone = changes(story.conversation("renamed"), story.conversation("deleted"))
    assert ("state", "there", "deleted") in gone
    assert ("title", "Second", None) in gone


def test_absent_values_make_no_lines() -> None:
    assert list(flat({"a": None, "b": {"c": 1, "d": None}, "e": {}})) == [("b c", "1")]


def test_each_answer_of_the_history_of_parts_is_found_also_one_of_several_that_its_command_does_not_name() -> None:
    log = MemoryLog(read_log(HISTORIES / "parts"))
    ended = {raw_turn.generation_id: raw_turn for raw_turn in _turns_of(log)}
    assert {turn.choice for turn in ended.values()} == {0, 1, 2}
    for generation_id, turn in ended.items():
        state = generation_then(log, TOPICS, generation_id, log.ends(), never)
        assert (state["state"], state["conversation"]) == ("completed", turn.conversation_id)
    called = [generation_then(log, TOPICS, generation_id, log.ends(), never).get("parts") for generation_id in ended]
    assert "reasoning, text, tool_call look, tool_call look" in called
    assert generation_then(log, TOPICS, "nobody", log.ends(), never)["state"] == "not there"


def _turns_of(log: MemoryLog) -> list[Turn]:
    found = [decode(raw.value) for raw in log.records if raw.topic == GENERATION_OUTCOMES]
    return [record.turn for record in found if isinstance(record, Outcome)]
