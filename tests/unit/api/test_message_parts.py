"""Messages of more than one text, as /api/v1 lists them; those of one text are what they always were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.conversations.shapes import message_json
from projections.messages.rows import MessageRow
from schemas.conversation import ChatMessage
from schemas.envelope import Sealed, SealedContent
from schemas.parts import ContentPart, PartText

ANSWER = MessageRow("a", "c", "assistant", 1, "p", "Warm.", (), "m", 1_000_000, "completed")
PROMPT = MessageRow("p", "c", "user", 1, None, "Look.", (), "m", 1_000_000, "completed")


def test_a_text_has_no_parts() -> None:
    for row in (ANSWER, PROMPT):
        assert list(message_json(row, None)) == [
            "id", "conversationId", "parentMessageId", "role", "content", "status", "model", "finishReason", "error",
            "usage", "cost", "costMicros", "currency", "feedback", "createdAt",
        ]  # fmt: skip


def test_the_parts_of_an_answer_stand_in_their_order() -> None:
    parts = (
        PartText("reasoning", "The weather…"),
        PartText("text", "Warm."),
        PartText("tool_call", '{"city":"Oslo"}', "call_1", "weather"),
        PartText("refusal", ""),
    )
    said = message_json(replace(ANSWER, parts=parts), None)
    assert said["content"] == "Warm."
    assert said["parts"] == [
        {"kind": "reasoning", "text": "The weather…"},
        {"kind": "text", "text": "Warm."},
        {"kind": "tool_call", "text": '{"city":"Oslo"}', "callId": "call_1", "name": "weather"},
        {"kind": "refusal", "text": ""},
    ]


def test_a_prompt_of_several_messages_says_who_spoke() -> None:
    messages = (
        ChatMessage("tool", "", None, (ContentPart("tool_result", "4 °C", "call_1"),)),
        ChatMessage("user", "Look."),
    )
    assert message_json(replace(PROMPT, messages=messages), None)["parts"] == [
        {"role": "tool", "kind": "tool_result", "text": "4 °C", "callId": "call_1"},
        {"role": "user", "kind": "text", "text": "Look."},
    ]


def test_a_picture_is_named_and_not_shown() -> None:
    picture = ContentPart("image", sha256="ab", media_type="image/png", size_bytes=70, detail="low")
    message = ChatMessage("user", "", None, (ContentPart("text", "Look."), picture))
    assert message_json(replace(PROMPT, messages=(message,)), None)["parts"] == [
        {"kind": "text", "text": "Look."},
        {"kind": "image", "text": "", "sha256": "ab", "mediaType": "image/png", "sizeBytes": 70},
    ]


def test_an_appended_message_says_so() -> None:
    result = ChatMessage("tool", "", None, (ContentPart("tool_result", "4 °C", "call_1", "weather"),))
    said = message_json(replace(PROMPT, role="tool", content="", messages=(result,), appended=True), None)
    assert (said["role"], said["content"], said["appended"]) == ("tool", "", True)
    assert said["parts"] == [{"kind": "tool_result", "text": "4 °C", "callId": "call_1", "name": "weather"}]


def test_sealed_parts_are_not_opened() -> None:
    sealed = ChatMessage("user", "", None, (ContentPart("text", Sealed("k", b"", b"")), ContentPart("text", "b")))
    with pytest.raises(SealedContent):
        message_json(replace(PROMPT, messages=(sealed,)), None)
