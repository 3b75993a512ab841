"""Branches on the page: another answer, another version of a prompt, ‹2/3› between them."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Locator, expect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def edit(chat: ChatPage, prompt: Locator, text: str) -> None:
    await prompt.hover()
    await prompt.get_by_test_id("edit").click()
    await chat.part("edit-text").fill(text)
    await chat.part("edit-save").click()
    await chat.ended()


async def talked(stack: Stack, prompts: list[str]) -> str:
    """A conversation in which this was said, by the API; returns its id."""
    headers = {"Authorization": f"Bearer {stack.key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
        conversation = str((await client.post("/api/v1/conversations", json={"title": "Long"})).json()["id"])
        for prompt in prompts:
            answer = await client.post(f"/api/v1/conversations/{conversation}/messages", json={"content": prompt})
            assert "message_end" in answer.text, answer.text
    return conversation


async def find(chat: ChatPage, words: str) -> None:
    await chat.part("conversation-search").fill(words)
    await expect(chat.part("conversation-item")).to_have_count(1)
    await expect(chat.part("conversation-item").locator("mark").first).to_have_text(words)
    await chat.part("conversation-item").locator("a").click()


def count_of(message: Locator) -> Locator:
    return message.get_by_test_id("branch-count")


async def test_another_answer_is_a_branch_and_can_be_left_again(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("Write 40 words")
    first = await chat.text()
    await chat.part("regenerate").click()
    await expect(count_of(chat.answer)).to_have_text("2/2")
    await chat.ended()
    await expect(chat.part("branch-next")).to_be_disabled()
    second = await chat.text()
    await chat.part("branch-prev").click()
    await expect(count_of(chat.answer)).to_have_text("1/2")
    assert await chat.text() == first
    await chat.part("branch-next").click()
    await expect(count_of(chat.answer)).to_have_text("2/2")
    assert await chat.text() == second
    await expect(chat.answers).to_have_count(1)


async def test_an_edited_prompt_is_a_branch_with_all_that_followed(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await chat.ask("What is 2 + 2?")
    await chat.ask("What is 3 + 3?")
    await edit(chat, chat.prompts.nth(1), "What is 20 + 20?")
    await expect(chat.prompts).to_have_count(2)
    await expect(count_of(chat.prompts.nth(1))).to_have_text("2/2")
    await expect(count_of(chat.prompts.first)).to_have_count(0)
    await expect(chat.answer.locator(".prose")).to_contain_text("40")
    await chat.prompts.nth(1).get_by_test_id("branch-prev").click()
    await expect(chat.prompts).to_have_count(3)
    await expect(count_of(chat.prompts.nth(1))).to_have_text("1/2")
    await expect(chat.answer.locator(".prose")).to_contain_text("3 + 3 = 6")
    # What is said now goes on here, and not where the newest message was.
    await chat.ask("What is 4 + 4?")
    await expect(chat.prompts).to_have_count(4)
    await chat.page.reload()
    await expect(chat.prompts).to_have_count(4)
    await expect(count_of(chat.prompts.nth(1))).to_have_text("1/2")


async def test_the_first_prompt_can_be_edited_too(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 2?")
    await edit(chat, chat.prompts.first, "What is 10 + 20?")
    await edit(chat, chat.prompts.first, "What is 100 + 200?")
    await expect(count_of(chat.prompts.first)).to_have_text("3/3")
    await chat.part("branch-prev").click()
    await expect(chat.answer.locator(".prose")).to_have_text("10 + 20 = 30")
    await expect(count_of(chat.prompts.first)).to_have_text("2/3")
    await chat.part("branch-prev").click()
    await expect(chat.answer.locator(".prose")).to_have_text("1 + 2 = 3")
    await chat.part("regenerate").click()
    await expect(count_of(chat.answer)).to_have_text("2/2")
    await chat.ended()
    await expect(count_of(chat.prompts.first)).to_have_text("1/3")


@pytest.mark.slow("more messages are written than a page loads")
async def test_a_long_conversation_is_edited_and_found_in_beyond_what_is_loaded(
    open_chat: OpenChat, stack: Stack
) -> None:
    """31 turns, of which a page loads 30: the first one's prompt follows an answer that is not there."""
    said = ["Repeat: alabaster", *(f"What is {n} + 1?" for n in range(1, 30)), "Repeat: marzipan"]
    conversation = await talked(stack, said)
    chat = await open_chat(f"/c/{conversation}")
    await expect(chat.prompts).to_have_count(30)
    # The older ones came above it a moment later.
    await expect(chat.prompts.last).to_be_in_viewport()
    await edit(chat, chat.prompts.first, "What is 20 + 20?")
    await expect(chat.prompts).to_have_count(1)
    await expect(count_of(chat.prompts.first)).to_have_text("2/2")
    await chat.part("load-earlier").click()
    await expect(chat.prompts.locator(".bubble")).to_have_text(["Repeat: alabaster", "What is 20 + 20?"])
    found = chat.page.locator(".message.found")
    await chat.page.reload()
    await expect(chat.prompts).to_have_count(2)
    await find(chat, "marzipan")  # on the other branch
    await expect(found.filter(has_text="marzipan")).to_be_in_viewport()
    await expect(chat.prompts).to_have_count(30)

    async def scrolled_away() -> bool:
        # The page itself may still be bringing the hit into view, as older messages come above it.
        await chat.page.locator(".scroller").evaluate("(scroller) => (scroller.scrollTop = 0)")
        await expect(found.filter(has_text="marzipan")).not_to_be_in_viewport(timeout=1000)
        return True

    away: bool = await eventually(scrolled_away, 15)
    assert away
    await chat.part("conversation-item").locator("a").click()  # the same hit again
    await expect(found.filter(has_text="marzipan")).to_be_in_viewport()
    await find(chat, "alabaster")  # before what is loaded
    await expect(found.filter(has_text="alabaster")).to_be_in_viewport()
