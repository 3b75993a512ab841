"""What goes wrong is said to people: what it is, how long it takes, and what they can do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from playwright.async_api import Route, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MESSAGES = "**/api/v1/conversations/*/messages"
NO_ANSWER = "0" * 8 + "-0000-4000-8000-" + "0" * 12
STARTED = {"messageId": NO_ANSWER, "conversationId": NO_ANSWER, "model": "verbatim-local"}
USAGE = {"promptTokens": 9, "completionTokens": 0, "cachedTokens": 0, "estimated": False}


async def refuse_once(chat: ChatPage, status: int, code: str, message: str, retry_after_s: int) -> None:
    """The next prompt is answered with this error; those after it come through."""
    error = {"error": {"code": code, "message": message}}

    async def refused(route: Route) -> None:
        await route.fulfill(status=status, json=error, headers={"Retry-After": str(retry_after_s)})

    chat.complaints.expected.append(f"status of {status}")
    await chat.page.route(MESSAGES, refused, times=1)


async def answer_with(chat: ChatPage, event: str, data: Mapping[str, Any]) -> None:
    """The next prompt's answer begins, and ends with this event."""
    frames = (("message_start", STARTED), (event, data))
    body = "".join(f"id: {at}\nevent: {name}\ndata: {json.dumps(said)}\n\n" for at, (name, said) in enumerate(frames))

    async def answered(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/event-stream", body=body)

    # The server knows nothing of this answer.
    chat.complaints.expected.append("status of 404")
    await chat.page.route(MESSAGES, answered, times=1)


async def test_a_server_that_asks_to_wait_is_obeyed_and_the_time_is_counted_down(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    limited = "Rate limit reached: 60 requests per minute. Please try again in 55s."
    for status, code, message, said in (
        (429, "rate_limit_exceeded", limited, "Too many requests."),
        (503, "store_unavailable", "The projections (Cassandra) are not reachable.", "The server’s database is away."),
        (503, "of_a_kind_not_known_here", "Not now.", "The server cannot answer now."),
    ):
        await refuse_once(chat, status, code, message, 55)
        await chat.ask("What is 2 + 2?", wait=False)
        countdown = chat.part("countdown")
        await expect(countdown).to_have_text(re.compile(rf"^{said} Sending again in 5\d s\.$"))
        first = await countdown.inner_text()
        await expect(countdown).not_to_have_text(first)
        # What is read out is said once, not each second.
        await expect(chat.part("connection").locator(".visually-hidden")).to_have_text(f"{said} Sending again in 55 s.")
        await chat.evaluate("() => dispatchEvent(new Event('online'))")
        await chat.ended()
        await expect(chat.part("connection")).to_have_text("")
        await expect(chat.answer.locator(".prose")).to_contain_text("4")


async def test_a_failed_answer_says_why_in_a_sentence_and_the_rest_behind_details(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    technical = "the upstream of verbatim-local cannot be reached (ClientConnectorError)"
    failure = {"code": "engine_unavailable", "message": "Not reached.", "retryable": True, "detail": technical}
    await answer_with(chat, "error", failure)
    await chat.ask("What is 2 + 2?", wait=False)
    card = chat.part("error-card")
    await expect(card.locator("p").first).to_have_text("The model could not be reached. Try again.")
    await expect(card.get_by_text(technical)).not_to_be_visible()
    await card.get_by_text("Details").click()
    await expect(card.get_by_text(technical)).to_be_visible()
    await expect(chat.part("retry")).to_be_visible()
    # Nothing was bought, and there is nothing to copy.
    await expect(chat.answer.get_by_test_id("cost-show")).to_have_count(0)
    await expect(chat.answer.get_by_test_id("copy")).to_have_count(0)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("content_filter", "The content policy here does not allow this prompt."),
        ("engine_auth", "The model refuses the key that this server has for it. Its operator can mend that."),
        ("of_a_kind_not_known_here", "What the server says."),
    ],
)
async def test_another_try_is_offered_only_where_it_can_help(open_chat: OpenChat, code: str, said: str) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await answer_with(chat, "error", {"code": code, "message": "what the server says", "retryable": False})
    await chat.ask("What is 2 + 2?", wait=False)
    await expect(chat.part("error-card").locator("p").first).to_have_text(said)
    await expect(chat.part("retry")).to_have_count(0)


async def test_an_answer_without_text_says_so(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await answer_with(
        chat, "message_end", {"finishReason": "stop", "usage": USAGE, "cost": 0.000001, "currency": "USD"}
    )
    await chat.ask("Say nothing.", wait=False)
    await chat.ended()
    await expect(chat.part("empty-answer")).to_have_text("The model answered nothing.")
    await expect(chat.answer.get_by_test_id("copy")).to_have_count(0)


async def test_a_revoked_key_is_said_to_be_revoked(open_chat: OpenChat, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}) as client:
        made = (await client.post("/api/v1/keys", json={"label": "to be revoked"})).json()
        chat = await open_chat("/signin", signed_in=False)
        await chat.sign_in(made["key"])
        await chat.ask("What is 1 + 1?")
        await chat.part("composer").fill("What is 2 + 2?")
        assert (await client.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
    # The streams of a revoked key end at once, so that the page hears of it by itself.
    chat.complaints.expected.append("ERR_INCOMPLETE_CHUNKED_ENCODING")
    await expect(chat.part("signin-told")).to_contain_text("has been revoked")
    await chat.sign_in(stack.key)
    # What was being written is still there.
    await expect(chat.part("composer")).to_have_value("What is 2 + 2?")
    await chat.part("send").click()
    await expect(chat.prompts).to_have_count(2)
    await chat.ended()
    await expect(chat.answer.locator(".prose")).to_contain_text("4")


async def test_an_error_is_read_out_and_stays_until_it_is_dismissed(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.page.clock.install()
    chat.complaints.expected.append("status of 500")
    await chat.ask("What is 1 + 1?")

    async def failing(route: Route) -> None:
        await route.fulfill(status=500, json={"error": {"code": "internal_error", "message": "A bug of ours."}})

    await chat.page.route("**/feedback", failing)
    await chat.part("thumb-up").click()
    problem = chat.page.get_by_role("alert").get_by_test_id("problem")
    await expect(problem).to_contain_text("The server had an error. Try again.")
    await chat.page.clock.fast_forward(120_000)
    await expect(problem).to_be_visible()
    # Over the column of the conversation, and on no control of it.
    box, column = await problem.bounding_box(), await chat.page.locator(".messages").bounding_box()
    assert box is not None
    assert column is not None
    assert abs(box["x"] + box["width"] / 2 - column["x"] - column["width"] / 2) < 8
    await problem.get_by_role("button", name="Dismiss").click()
    await expect(problem).to_have_count(0)
    await expect(chat.part("thumb-up")).to_have_attribute("aria-pressed", "false")
