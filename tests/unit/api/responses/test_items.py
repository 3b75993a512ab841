"""Input items become messages that engines know, and are shown again as they were."""

from __future__ import annotations

from typing import Any

import pytest

from api.http.errors import ApiError
from api.responses.items import MAX_CONTENT, calls_of, items_of, messages_of, with_calls
from schemas.conversation import ChatMessage
from schemas.messages import message_text
from schemas.parts import ContentPart

SOURCE = "0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11"
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
OTHER_CALL = {"type": "function_call", "call_id": "c2", "name": "look", "arguments": '{"a":1}', "id": "fc_1"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}


def image(url: str, detail: str, where: str) -> ContentPart:
    """An image whose digest is its URL."""
    return ContentPart("image", sha256=url, detail=detail)


def read(items: Any) -> tuple[ChatMessage, ...]:
    return messages_of(items, image)


def test_a_string_is_what_the_user_says() -> None:
    assert read("Hello") == (ChatMessage("user", "Hello"),)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"role": "user", "content": "Hi"}, ChatMessage("user", "Hi")),
        ({"role": "developer", "content": "Be brief", "type": "message"}, ChatMessage("system", "Be brief")),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
            ChatMessage("user", "a\nb"),
        ),
        (
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "phase": "final_answer",
                "content": [{"type": "output_text", "text": "x", "annotations": [], "logprobs": []}],
            },
            ChatMessage("assistant", "x"),
        ),
        (
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            ChatMessage("assistant", "", None, (ContentPart("refusal", "no"),)),
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:x", "detail": "low"}]},
            ChatMessage("user", "", None, (ContentPart("image", sha256="data:x", detail="low"),)),
        ),
        ({"role": "user", "content": []}, ChatMessage("user", "")),
        (RESULT, ChatMessage("tool", "", None, (ContentPart("tool_result", "sunny", "c1"),))),
        (
            {**RESULT, "output": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
            ChatMessage("tool", "", None, (ContentPart("tool_result", "a\nb", "c1"),)),
        ),
    ],
)
def test_one_item(item: dict[str, Any], message: ChatMessage) -> None:
    assert read([item]) == (message,)


def test_calls_and_the_text_before_them_are_one_message() -> None:
    said = read(
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "I look."}, CALL, OTHER_CALL, RESULT]
    )
    assert [message.role for message in said] == ["user", "assistant", "tool"]
    assert [part.kind for part in said[1].parts] == ["text", "tool_call", "tool_call"]
    assert message_text(said[1]) == "I look."
    assert calls_of(said) == {"c1": "look", "c2": "look"}


def test_texts_after_each_other_stay_messages_of_their_own() -> None:
    assert len(read([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}])) == 2


@pytest.mark.parametrize("kind", ["reasoning", "web_search_call", "custom_tool_call"])
def test_what_a_history_may_hold_is_passed_over(kind: str) -> None:
    assert read([{"type": kind, "id": "x"}, {"role": "user", "content": "q"}]) == (ChatMessage("user", "q"),)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (1, "input[0]"),
        ({"type": "telepathy"}, "input[0].type"),
        ({"type": 7}, "input[0].type"),
        ({"role": "king", "content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": [{"type": "input_text", "text": "x"}] * (MAX_CONTENT + 1)}, "input[0].content"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0].text"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0].image_url"),
        ({"role": "user", "content": [{"type": "input_image", "detail": "x"}]}, "input[0].content[0].detail"),
        ({**CALL, "call_id": ""}, "input[0].call_id"),
        ({**CALL, "name": "n" * 65}, "input[0].name"),
        ({**CALL, "arguments": {}}, "input[0].arguments"),
        ({**RESULT, "output": None}, "input[0].output"),
        ({**RESULT, "output": [{"type": "input_image"}]}, "input[0].output[0]"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(item: Any, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        read([item])
    assert (caught.value.status, caught.value.param) == (400, param)


def test_a_result_is_of_the_function_that_was_called() -> None:
    for items, known in (([CALL, RESULT], {}), ([RESULT], {"c1": "look"})):
        assert with_calls(read(items), known)[-1].parts[0].name == "look"


@pytest.mark.parametrize("items", [[RESULT], [RESULT, CALL]])
def test_a_result_needs_its_call_before_it(items: Any) -> None:
    with pytest.raises(ApiError, match="call_id c1"):
        with_calls(read(items), {})


def test_items_are_shown_as_they_were_said() -> None:
    items: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
        },
        CALL,
        OTHER_CALL,
        RESULT,
    ]
    shown = items_of(read(items), SOURCE)
    kept = [{key: value for key, value in item.items() if key not in ("id", "status")} for item in shown]
    assert kept == [
        {"type": "message", **item} if "role" in item else {k: v for k, v in item.items() if k != "id"}
        for item in items
    ]
    assert len({item["id"] for item in shown}) == len(shown)
    assert [item["id"].partition("_")[0] for item in shown] == ["msg", "msg", "fc", "fc", "fco"]
    assert read(shown) == read(items)
