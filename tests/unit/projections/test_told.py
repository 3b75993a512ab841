"""What rows keep of messages and answers of parts is what the records said; engines get of it what they may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.messages.answers import answer_message, without_orphans
from projections.messages.rows import TURN_NAMES, AppendedRow, MessageRow, TurnRow, said_row
from projections.messages.told import (
    appended_from_cell,
    appended_to_cell,
    command_from_cell,
    command_to_cell,
    messages_from_cell,
    messages_to_cell,
    parts_from_cell,
    parts_to_cell,
)
from projections.registry import newest
from projections.rows import Put
from schemas.conversation import AppendedMessage, ChatMessage, MessagesAppended, PromptSubmitted, RegenerateRequested
from schemas.envelope import Position
from schemas.messages import shown_content
from schemas.outcome import GenerationCompleted
from schemas.parts import ContentPart, PartText, parts_of, visible_text
from tests.fakes.projection_records import prompt
from tests.record_strategies import records

CALL = ContentPart("tool_call", '{"x": 1}', "call-1", "add")
RESULT = ChatMessage("tool", "", None, (ContentPart("tool_result", "2", "call-1"),))


@given(st.lists(records(ChatMessage), max_size=4).map(tuple))
def test_messages_come_back_from_their_cell(messages: tuple[ChatMessage, ...]) -> None:
    assert messages_from_cell(messages_to_cell(messages)) == messages


@given(st.lists(records(AppendedMessage), max_size=4).map(tuple))
def test_appended_messages_come_back_from_their_cell(messages: tuple[AppendedMessage, ...]) -> None:
    assert appended_from_cell(appended_to_cell(messages)) == messages


@given(records(GenerationCompleted))
def test_the_parts_of_an_answer_come_back_with_their_texts(ended: GenerationCompleted) -> None:
    found = parts_from_cell(parts_to_cell(ended))
    assert found == (tuple(parts_of(ended.text, ended.parts)) if ended.parts and isinstance(ended.text, str) else ())


@given(records(PromptSubmitted) | records(RegenerateRequested))
def test_a_command_comes_back_but_for_what_has_a_cell_of_its_own(
    command: PromptSubmitted | RegenerateRequested,
) -> None:
    cell = command_to_cell(command)
    if command.request is None:
        assert cell is None
        return
    assert cell is not None
    expected: Any = command
    if isinstance(command, PromptSubmitted):
        expected = replace(command, content=None, messages=(), attachments=())
    assert command_from_cell(cell) == expected


def reply(*parts: PartText, content: str = "") -> MessageRow:
    return MessageRow("a", "c", "assistant", 1, "p", content, (), "m", 1, "completed", parts=parts)


def test_an_answer_goes_back_as_text_and_calls_and_never_with_its_reasoning() -> None:
    thought, said = PartText("reasoning", "hm"), PartText("text", "I add.")
    call = PartText("tool_call", '{"x": 1}', "call-1", "add")
    refused = PartText("refusal", " No.")
    assert answer_message(reply(content="plain")) == ChatMessage("assistant", "plain")
    assert answer_message(reply(thought, said, content="I add.")) == ChatMessage("assistant", "I add.")
    assert answer_message(reply(thought, refused, content=" No.")) == ChatMessage("assistant", " No.")
    assert answer_message(reply(thought)) is None
    expected = ChatMessage("assistant", "", None, (ContentPart("text", "I add."), ContentPart("text", " No."), CALL))
    assert answer_message(reply(thought, said, call, refused, content="I add. No.")) == expected
    assert answer_message(reply(call)) == ChatMessage("assistant", "", None, (CALL,))
    inside = PartText("text", "<think>hm</think>")
    assert answer_message(reply(inside, call, content="<think>hm</think>")) == ChatMessage(
        "assistant", "", None, (CALL,)
    )


def test_a_result_without_its_call_stays_out() -> None:
    asked, called = ChatMessage("user", "1 + 1?"), ChatMessage("assistant", "", None, (CALL,))
    assert without_orphans((asked, called, RESULT)) == (asked, called, RESULT)
    assert without_orphans((asked, RESULT)) == (asked,)


@pytest.mark.parametrize(
    ("messages", "shown"),
    [
        ((), ""),
        ((ChatMessage("user", "one"), ChatMessage("user", "two"), RESULT), "two"),
        (
            (ChatMessage("user", "", None, (ContentPart("text", "look: "), ContentPart("image", sha256="ab"))),),
            "look: ",
        ),
        ((ChatMessage("system", "Be brief."), ChatMessage("assistant", "Yes.")), "Be brief.\nYes."),
        ((RESULT,), ""),
    ],
)
def test_lists_show_what_a_user_wrote_last(messages: tuple[ChatMessage, ...], shown: str) -> None:
    assert shown_content(messages) == shown


def test_a_row_of_several_messages_is_one_message_that_shows_the_newest() -> None:
    several = (ChatMessage("user", "one"), ChatMessage("user", "two"))
    for record in (
        replace(prompt("c", "k"), content=None, messages=several),
        MessagesAppended(
            envelope=prompt("c", "k").envelope,
            conversation_id="c",
            user_id="u",
            parent_message_id="before",
            messages=tuple(AppendedMessage(message_id=f"m{n}", message=m, at_us=n) for n, m in enumerate(several)),
        ),
    ):
        put = newest("messages").fold(record, Position(0, 0, 7))[0]
        assert isinstance(put, Put)
        row = said_row("c", tuple({**put.cells, "cause": 7}.get(name) for name in TURN_NAMES))
        if isinstance(row, TurnRow):
            assert row.prompt is not None
            assert (row.prompt.content, row.prompt.messages) == ("two", several)
        else:
            assert isinstance(row, AppendedRow)
            assert [(m.message_id, m.parent_message_id, m.content) for m in row.messages] == [
                ("m0", "before", "one"),
                ("m1", "m0", "two"),
            ]


@given(records(GenerationCompleted))
def test_what_is_shown_of_an_answer_is_the_text_of_its_visible_parts(ended: GenerationCompleted) -> None:
    if isinstance(ended.text, str) and ended.parts:
        visible = [part.text for part in parts_from_cell(parts_to_cell(ended)) if part.kind in ("text", "refusal")]
        assert visible_text(ended.text, ended.parts) == "".join(visible)
