"""What a model thinks is not sent to it again, in whichever shape it is kept."""

from __future__ import annotations

import pytest

from schemas.conversation import ChatMessage
from schemas.envelope import Sealed
from schemas.parts import ContentPart
from schemas.thinking import without_thinking


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("<think>Hm.</think>\n\nSeven.", "Seven."),
        (" \n<think>\nHm </thin\n</think>Seven. </think>", "Seven. </think>"),
        ("<think></think>", ""),
        ("<think>Hm, it was cut off", ""),
        ("Write `<think>x</think>`.", "Write `<think>x</think>`."),
        ("```\n<think>x</think>\n```", "```\n<think>x</think>\n```"),
        ("<thinking>x</thinking>y", "<thinking>x</thinking>y"),
        ("Seven.", "Seven."),
        ("", ""),
    ],
)
def test_the_thinking_at_the_beginning_of_an_answer_is_left_out(written: str, sent: str) -> None:
    assert without_thinking(ChatMessage("assistant", written)) == ChatMessage("assistant", sent)
    for role in ("user", "system", "tool"):
        assert without_thinking(ChatMessage(role, written)).content == written


def test_parts_keep_their_order_and_one_that_was_thinking_alone_is_gone() -> None:
    call = ContentPart("tool_call", "{}", call_id="c", name="f")
    thought = ChatMessage("assistant", "", None, (ContentPart("text", "<think>Hm</think>"), call))
    assert without_thinking(thought).parts == (call,)
    said = ChatMessage("assistant", "", None, (ContentPart("text", "<think>Hm</think>Yes"), call))
    assert without_thinking(said).parts == (ContentPart("text", "Yes"), call)
    for first in (call, ContentPart("text", None)):
        other = ChatMessage("assistant", "", None, (first, ContentPart("text", "<think>x</think>")))
        assert without_thinking(other) == other


def test_what_is_sealed_stays_sealed() -> None:
    sealed = ChatMessage("assistant", Sealed("key", b"x", b"y"))
    assert without_thinking(sealed) == sealed
