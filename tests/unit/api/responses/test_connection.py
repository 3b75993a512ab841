"""What a WebSocket keeps of responses that are not stored."""

from __future__ import annotations

from api.responses.connection import MAX_CHARACTERS, MAX_KEPT, Kept, answer_of
from schemas.conversation import ChatMessage
from schemas.parts import ContentPart, PartText


def test_what_a_connection_keeps_is_bounded() -> None:
    kept = Kept()
    for nth in range(MAX_KEPT + 2):
        kept.keep(str(nth), (ChatMessage("user", "x"),))
    assert (len(kept), kept.find("1"), kept.find(str(MAX_KEPT + 1))) == (MAX_KEPT, None, (ChatMessage("user", "x"),))
    kept.keep("large", (ChatMessage("user", "x" * (MAX_CHARACTERS + 1)),))
    assert len(kept) == 0


def test_an_answer_is_told_back_as_text_and_calls() -> None:
    thought, text, refusal = PartText("reasoning", "hm"), PartText("text", "a"), PartText("refusal", "b")
    call = PartText("tool_call", "{}", "call_1", "look")
    assert answer_of([thought]) == ()
    assert answer_of([thought, text, refusal]) == (ChatMessage("assistant", "ab"),)
    (message,) = answer_of([text, call])
    assert message.parts == (ContentPart("text", "a"), ContentPart("tool_call", "{}", "call_1", "look"))
