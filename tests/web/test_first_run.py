"""What a newcomer meets: prompts to begin with, which model answers, and the title that is made."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat
from tests.web.over_the_api import elsewhere

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MODELS = "**/api/v1/models"
READS_A_TURN = 3
"""A conversation is read when it begins, when it is asked something, and when it is opened."""


async def with_models(context: BrowserContext, models: list[dict[str, Any]] | None, titles: str | None) -> None:
    """The server's models are these (None: its own), and `titles` makes titles."""

    async def told(route: Route) -> None:
        answer = await (await route.fetch()).json()
        data = answer["data"] if models is None else [{**answer["data"][0], "default": False, **m} for m in models]
        await route.fulfill(json={"data": data, "titles": titles})

    await context.route(MODELS, told)


async def new_tab(open_chat: OpenChat, models: list[dict[str, Any]] | None, titles: str | None = None) -> ChatPage:
    first = await open_chat()
    await with_models(first.context, models, titles)
    return await open_chat(context=first.context)


async def test_a_prompt_to_begin_with_begins(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.page.get_by_role("button", name="What is 37 × 24?", exact=True).click()
    await chat.ended()
    assert "888" in await chat.text()
    await expect(chat.part("start")).to_have_count(0)


async def test_the_model_that_comes_along_says_what_it_is_and_how_to_add_a_better_one(open_chat: OpenChat) -> None:
    small = {"id": "smollm2-135m-instruct", "description": "A small model.", "default": True, "listed": True}
    chat = await new_tab(open_chat, [small])
    about = chat.part("about-model")
    await expect(about).to_contain_text("smollm2-135m-instruct answers. A small model.")
    await expect(chat.part("start")).to_have_count(4)
    await expect(chat.page.get_by_role("button", name="What is the water cycle?", exact=True)).to_be_visible()
    # By keyboard: it is what follows the prompts.
    await chat.part("start").last.focus()
    await chat.page.keyboard.press("Tab")
    await expect(about.locator("summary")).to_be_focused()
    await expect(about.locator("pre")).to_be_hidden()
    await chat.page.keyboard.press("Enter")
    await expect(about.locator("pre")).to_contain_text("gguf =")
    await expect(about).to_contain_text("docs/models.md")


async def test_of_another_model_nothing_is_said(open_chat: OpenChat) -> None:
    small = {"id": "smollm2-135m-instruct", "description": "A small model.", "listed": True}
    chat = await new_tab(open_chat, [small, {"id": "mine", "description": "Mine.", "default": True, "listed": True}])
    await expect(chat.part("model-picker")).to_contain_text("mine")
    await expect(chat.part("start")).to_have_count(4)
    await expect(chat.part("about-model")).to_have_count(0)


async def test_the_title_that_is_made_is_shown_without_a_reload(open_chat: OpenChat, stack: Stack) -> None:
    chat = await new_tab(open_chat, None, titles="somebody")
    await chat.ask("What is 6 * 7?")
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await expect(row).to_contain_text("What is 6 * 7?")
    # It comes when the answer is there, from a process of the server.
    async with elsewhere(stack) as client:
        made = await client.patch(f"/api/v1/conversations/{chat.conversation_id}", json={"title": "Seven times six"})
        assert made.status_code == 200
    await expect(row).to_contain_text("Seven times six")
    await expect(chat.page).to_have_title("Seven times six – Verbatim")
    one = re.compile(rf"/api/v1/conversations/{chat.conversation_id}$")
    assert len([url for url in chat.complaints.asked_for if one.search(url)]) <= READS_A_TURN + 1


async def test_a_title_is_read_when_something_has_happened_and_not_looked_for(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 6 * 7?")
    await chat.ask("What is 7 * 7?")
    one = re.compile(rf"/api/v1/conversations/{chat.conversation_id}$")
    assert len([url for url in chat.complaints.asked_for if one.search(url)]) <= 2 * READS_A_TURN + 1
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await expect(row).to_contain_text("What is 6 * 7?")


async def test_on_a_phone_what_is_opened_can_be_scrolled(open_chat: OpenChat) -> None:
    chat = await open_chat(phone=True)
    await chat.part("about-model").locator("summary").click()
    await chat.part("about-model").locator("pre").scroll_into_view_if_needed()
    await chat.page.get_by_role("heading", name="What is on your mind?").scroll_into_view_if_needed()
    tops = await chat.evaluate(
        "() => [document.querySelector('.greeting h2'), document.querySelector('.scroller')]"
        ".map((each) => each.getBoundingClientRect().top)"
    )
    bottom = await chat.evaluate("() => document.querySelector('.dock').getBoundingClientRect().bottom")
    assert tops[0] >= tops[1] >= 40, "under the bar at the top"
    assert bottom <= 780
    assert await chat.evaluate("() => document.documentElement.scrollWidth") <= 390
