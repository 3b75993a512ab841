"""What a demanding user notices: where the focus goes, what is kept, what moves, what stands where it is looked for."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.web.chat_page import count_to
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def test_the_focus_goes_back_to_where_one_was(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    page, composer = chat.page, chat.part("composer")
    # An edit that was begun from the field, and one that was begun at the message.
    await composer.press("ArrowUp")
    await expect(chat.part("edit-text")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(composer).to_be_focused()
    await chat.part("edit").focus()
    await page.keyboard.press("Enter")
    await expect(chat.part("edit-text")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(chat.part("edit")).to_be_focused()
    # A menu and a dialog.
    await chat.part("model-picker").click()
    await expect(page.get_by_role("menu")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(chat.part("model-picker")).to_be_focused()
    await chat.part("help").click()
    await expect(page.get_by_role("dialog")).to_be_visible()  # it is fetched when it is first opened
    await page.keyboard.press("Escape")
    await expect(chat.part("help")).to_be_focused()


async def test_a_dialog_opens_at_its_beginning(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.page.set_viewport_size({"width": 700, "height": 300})
    await chat.page.keyboard.press("Escape")
    await chat.page.locator(".scroller").focus()
    await chat.page.keyboard.press("?")
    dialog = chat.page.get_by_role("dialog", name="Keyboard")
    await expect(dialog.get_by_role("heading")).to_be_in_viewport()
    assert await dialog.evaluate("(element) => element.scrollTop") == 0


async def test_what_was_hidden_and_opened_stays_so_after_a_reload(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await chat.part("toggle-log").click()
    await chat.page.get_by_role("button", name="Hide the list").click()
    await expect(chat.part("log-panel")).to_be_visible()
    await chat.page.reload()
    await expect(chat.part("log-panel")).to_be_visible()
    await expect(chat.part("new-chat")).not_to_be_visible()
    await chat.page.get_by_role("button", name="Show the list").click()
    await chat.part("log-close").click()
    await chat.page.reload()
    await expect(chat.part("new-chat")).to_be_visible()
    await expect(chat.part("log-panel")).to_have_count(0)


async def test_an_answer_shows_a_sign_of_life_until_it_ends(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("10, 11")
    life = chat.answer.get_by_test_id("life")
    await expect(life).to_be_visible()
    await expect(life).to_have_attribute("aria-label", "The answer is being written")
    await chat.part("stop").click()
    await chat.ended("cancelled")
    await expect(life).to_have_count(0)


async def test_signing_in_is_a_page_that_says_where_a_key_comes_from(open_chat: OpenChat) -> None:
    chat = await open_chat("/signin", signed_in=False)
    await expect(chat.page.get_by_role("dialog")).to_have_count(0)
    await expect(chat.page.get_by_role("main")).to_contain_text("Where does a key come from?")
    await expect(chat.page.get_by_role("main")).to_contain_text("./verbatim key link")
    assert await chat.part("signin-key").evaluate("(field) => field.spellcheck") is False


async def test_the_description_of_the_api_looks_like_the_page_and_leads_back(open_chat: OpenChat) -> None:
    chat = await open_chat(dark=True)
    page_background = await chat.evaluate("() => getComputedStyle(document.body).backgroundColor")
    await chat.page.goto(f"{chat.url}/docs")
    assert await chat.evaluate("() => getComputedStyle(document.body).backgroundColor") == page_background
    entry = chat.page.locator("details").filter(has_text="/api/v1/conversations/{conversation_id}/branch").first
    # What a route does is said without opening it.
    await expect(entry.locator("summary")).to_contain_text(re.compile(r"branch", re.I))
    await chat.page.get_by_role("link", name="Back to the chat").click()
    await expect(chat.part("composer")).to_be_visible()
