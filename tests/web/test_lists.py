"""The list of conversations: what a row says, its menu, and that all of it is reached with keys."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat
from tests.web.over_the_api import begun

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SENTENCE = "Repeat: a sentence about medlars which is longer than what a title may hold, and then goes on for a while"
FOCUSED = "() => document.activeElement?.innerText?.trim() || document.activeElement?.ariaLabel"


async def test_a_row_says_its_sentence_once(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(SENTENCE)
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await chat.page.reload()
    await expect(row).to_contain_text("Repeat: a sentence about medlars")
    await expect(row.locator(".row-preview")).to_have_count(0)
    await chat.choose(row, "rename")
    await chat.part("rename-title").fill("The medlar's name")
    await chat.part("rename-save").click()
    await expect(row.locator(".row-preview")).to_contain_text("Repeat: a sentence about medlars")
    await chat.part("conversation-search").fill("medlar name")
    await expect(row.locator(".row-name mark")).to_have_count(1)
    await expect(row.locator(".row-preview")).to_have_count(0)


async def test_the_menu_of_every_row_is_whole(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, [f"Row {number}" for number in range(14)]):
        chat = await open_chat()
        await chat.page.set_viewport_size({"width": 1280, "height": 520})
        rows = chat.part("conversation-item")
        await expect(rows.nth(13)).to_be_attached()
        nav = await chat.page.locator(".list").bounding_box()
        assert nav is not None
        bottom = nav["y"] + nav["height"]
        boxes = [await rows.nth(number).bounding_box() for number in range(14)]
        last = max(number for number, box in enumerate(boxes) if box and box["y"] + box["height"] <= bottom)
        for number in (0, last - 1, last):
            row = rows.nth(number)
            await row.hover()
            await row.locator(".menu-button").click()
            for item in ("rename", "delete"):
                box = await chat.part(item).bounding_box()
                assert box is not None
                assert box["y"] >= 0 and box["y"] + box["height"] <= 520
                middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
                on_top = "([x, y]) => document.elementFromPoint(x, y).closest('[data-testid]').dataset.testid"
                assert await chat.evaluate(on_top, middle) == item
            await chat.page.keyboard.press("Escape")
            await expect(chat.part("delete")).to_have_count(0)
            await expect(row.locator(".menu-button")).to_be_focused()


async def test_a_menu_is_walked_with_keys(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["One", "Two"]):
        chat = await open_chat()
        keyboard = chat.page.keyboard
        button = chat.part("conversation-item").first.locator(".menu-button")
        await button.focus()
        await keyboard.press("Enter")
        await expect(chat.part("rename")).to_be_focused()
        await keyboard.press("End")
        await expect(chat.part("delete")).to_be_focused()
        await keyboard.press("ArrowDown")
        await expect(chat.part("rename")).to_be_focused()
        await keyboard.press("ArrowUp")
        await expect(chat.part("delete")).to_be_focused()
        await keyboard.press("Home")
        await expect(chat.part("rename")).to_be_focused()
        await keyboard.press("d")
        await expect(chat.part("delete")).to_be_focused()
        await keyboard.press("Escape")
        await expect(button).to_be_focused()
        await keyboard.press("Enter")
        await keyboard.press("Tab")
        await expect(chat.part("rename")).to_have_count(0)
        await expect(chat.part("conversation-item").nth(1).locator("a")).to_be_focused()


async def test_what_a_search_finds_is_reached_with_keys(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["A loquat", "Another loquat", "The last loquat"]) as made:
        chat = await open_chat()
        keyboard = chat.page.keyboard
        await keyboard.press("Control+k")
        await keyboard.type("loquat")
        links = chat.part("conversation-item").locator("a")
        await expect(links).to_have_count(3)
        await keyboard.press("ArrowDown")
        await expect(links.nth(0)).to_be_focused()
        await keyboard.press("ArrowDown")
        await expect(links.nth(1)).to_be_focused()
        await keyboard.press("ArrowUp")
        await keyboard.press("ArrowUp")
        await expect(chat.part("conversation-search")).to_be_focused()
        await keyboard.press("ArrowDown")
        await keyboard.press("ArrowDown")
        await keyboard.press("Enter")
        await expect(chat.page).to_have_url(f"{chat.url}/c/{made[1]}")
        # Enter at once, before anything is found, opens what is found first.
        await keyboard.press("Control+k")
        await chat.part("conversation-search").fill("another loquat")
        await keyboard.press("Enter")
        await expect(chat.page).to_have_url(f"{chat.url}/c/{made[1]}")


async def test_the_skip_link_leaves_nothing_in_the_history(open_chat: OpenChat) -> None:
    chat = await open_chat()
    before = await chat.evaluate("() => history.length")
    await chat.page.locator(".skip").focus()
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator("#main")).to_be_focused()
    assert chat.page.url == f"{chat.url}/"
    assert await chat.evaluate("() => history.length") == before


async def is_in_drawer(chat: ChatPage) -> bool:
    return bool(await chat.evaluate("() => document.querySelector('.sidebar').contains(document.activeElement)"))


async def test_a_drawer_takes_the_focus_and_keeps_it(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["In the drawer"]) as made:
        chat = await open_chat(phone=True)
        opener = chat.page.get_by_role("button", name="Show the list")
        await opener.focus()
        await chat.page.keyboard.press("Enter")
        await expect(chat.part("new-chat")).to_be_focused()
        await expect(chat.page.locator("#main")).to_have_attribute("inert", "")
        stops = await chat.page.locator(".sidebar :is(a, button, input)").count()
        for _ in range(stops + 2):
            await chat.page.keyboard.press("Tab")
            at_the_browser = await chat.evaluate("() => document.activeElement === document.body")
            assert at_the_browser or await is_in_drawer(chat), await chat.evaluate(FOCUSED)
        await chat.page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
        await opener.tap()
        await chat.page.locator(f".row a[href='/c/{made[0]}']").tap()
        await expect(chat.page.locator("#main")).to_be_focused()


async def test_after_a_deletion_focus_is_on_the_next_row(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["First", "Second", "Third"]) as made:
        chat = await open_chat()
        second = chat.page.locator(f".row[data-id='{made[1]}']")
        await chat.choose(second, "delete")
        await chat.part("confirm-delete").click()
        await expect(second).to_have_count(0)
        await expect(chat.page.locator(f".row[data-id='{made[0]}'] > a")).to_be_focused()
