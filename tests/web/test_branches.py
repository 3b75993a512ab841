"""Branches on the page: another answer, another version of a prompt, ‹2/3› between them."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def edit(chat: ChatPage, prompt: Locator, text: str) -> None:
    await prompt.hover()
    await prompt.get_by_test_id("edit").click()
    await chat.part("edit-text").fill(text)
    await chat.part("edit-save").click()
    await chat.ended()


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
