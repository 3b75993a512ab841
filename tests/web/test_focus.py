"""What is typed right behind a key that opens a field lands in that field: no frame lies between them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat
from tests.web.over_the_api import begun

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

NO_FRAMES = "() => { globalThis.requestAnimationFrame = () => 1; }"
"""From now on no frame is drawn, as far as the page can tell."""
NOWHERE = "() => document.activeElement?.blur()"


async def _typed_behind(chat: ChatPage, keys: str, text: str) -> None:
    """`text` is typed in the same turn as `keys`: the page gets no time between them."""
    await chat.evaluate(NO_FRAMES)
    await chat.page.keyboard.press(keys)
    await chat.page.keyboard.type(text)


@pytest.mark.parametrize("place", ["beside", "hidden", "drawer"])
async def test_letters_behind_the_key_of_search_are_searched_for(open_chat: OpenChat, place: str) -> None:
    chat = await open_chat(phone=place == "drawer")
    await expect(chat.part("composer")).to_be_visible()
    if place == "hidden":
        await chat.page.keyboard.press("Control+Shift+s")
        await expect(chat.part("conversation-search")).to_be_hidden()
    await _typed_behind(chat, "Control+k", "loquat")
    await expect(chat.part("conversation-search")).to_have_value("loquat")
    await expect(chat.part("composer")).to_have_value("")


@pytest.mark.parametrize("phone", [False, True])
async def test_letters_behind_the_key_of_a_new_chat_are_its_prompt(
    open_chat: OpenChat, stack: Stack, phone: bool
) -> None:
    async with begun(stack, ["An old chat"]) as made:
        chat = await open_chat(f"/c/{made[0]}", phone=phone)
        await expect(chat.page.locator(".bar-name")).to_be_visible()
        await chat.evaluate(NOWHERE)
        await _typed_behind(chat, "Control+Shift+o", "quince")
        await expect(chat.page).to_have_url(f"{chat.url}/")
        await expect(chat.part("composer")).to_have_value("quince")
        # Also where it was open already.
        await chat.evaluate(NOWHERE)
        await chat.page.keyboard.press("Control+Shift+o")
        await chat.page.keyboard.type("s")
        await expect(chat.part("composer")).to_have_value("quinces")


async def test_letters_behind_opening_a_title_are_the_title(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["Before"]) as made:
        chat = await open_chat(f"/c/{made[0]}")
        # The part has been loaded once.
        await chat.page.locator(".bar-name").click()
        await expect(chat.part("title-edit")).to_be_focused()
        await chat.page.keyboard.press("Escape")
        await expect(chat.page.locator(".bar-name")).to_be_focused()
        await _typed_behind(chat, "Enter", "After")
        await expect(chat.part("title-edit")).to_have_value("After")


async def test_letters_behind_a_search_in_the_chat_are_looked_for(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["A medlar"]) as made:
        chat = await open_chat(f"/c/{made[0]}")
        field = chat.page.locator(".find input")
        await expect(chat.page.locator(".bar-name")).to_be_visible()
        await chat.page.keyboard.press("Control+f")
        await expect(field).to_be_focused()
        await chat.page.keyboard.press("Escape")
        await expect(field).to_have_count(0)
        await _typed_behind(chat, "Control+f", "medlar")
        await expect(field).to_have_value("medlar")
        # And what is typed behind leaving it is the next prompt.
        await chat.page.keyboard.press("Escape")
        await chat.page.keyboard.type("next")
        await expect(chat.part("composer")).to_have_value("next")
