"""The user's own snippets: made in the settings, put into a message by `/name`, with variables and other snippets."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.eventually import eventually
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def save(chat: ChatPage, name: str, text: str) -> None:
    """In the form that is open."""
    await chat.part("snippet-name").fill(name)
    await chat.part("snippet-text").fill(text)
    await chat.part("snippet-save").click()


async def make(chat: ChatPage, name: str, text: str) -> None:
    await chat.part("snippet-new").click()
    await save(chat, name, text)
    await expect(chat.part("snippet").filter(has_text=f"/{name}")).to_be_visible()


async def test_snippets_are_made_used_changed_and_deleted(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/prompts", user="snippets")
    await make(chat, "brief", "Be brief.")
    await make(chat, "bread", "Bake {{kind}} bread for {{people}} people.\n\n/brief")
    await make(chat, "Übung", "Noch einmal")
    await chat.part("new-chat").click()
    field, options = chat.part("composer"), chat.part("snippet-option")
    # A slash at the beginning of a word opens the list; what is written filters it; the field keeps the focus.
    await field.press_sequentially("and/or ")
    await expect(chat.part("snippets")).to_have_count(0)
    await field.press_sequentially("/")
    await expect(options).to_have_count(3)
    await field.press_sequentially("br")
    await expect(options).to_have_count(2)
    await expect(field).to_be_focused()
    await chat.page.keyboard.press("ArrowDown")
    chosen = chat.page.locator("[data-testid=snippet-option][aria-selected=true]")
    await expect(chosen).to_contain_text("/brief")
    assert await field.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")
    # Escape leaves what is written, and the list stays away until the next slash.
    await chat.page.keyboard.press("Escape")
    await field.press_sequentially("i")
    await expect(chat.part("snippets")).to_have_count(0)
    await expect(field).to_have_value("and/or /bri")
    # Enter puts it in and sends nothing. It can be taken back.
    await field.fill("Please: ")
    await field.press_sequentially("/bri")
    await chat.page.keyboard.press("Enter")
    await expect(field).to_have_value("Please: Be brief.")
    await chat.page.keyboard.press("Control+Z")
    await expect(field).to_have_value("Please: /bri")
    await expect(chat.prompts).to_have_count(0)
    # Variables are asked for; other snippets are put in; braces that a user types stay braces.
    await field.fill("")
    await field.press_sequentially("/BREAD")
    await chat.page.keyboard.press("Tab")
    form = chat.page.get_by_role("dialog", name="/bread")
    await expect(form).to_be_visible()
    await expect(chat.part("snippet-variable").first).to_be_focused()
    await chat.page.keyboard.type("{{people}} rye")
    await chat.page.keyboard.press("Tab")
    await chat.page.keyboard.type("4")
    await chat.page.keyboard.press("Enter")
    await expect(field).to_have_value("Bake {{people}} rye bread for 4 people.\n\nBe brief.")
    await expect(field).to_be_focused()
    # By pointer too; without a choice the form leaves what was written.
    await field.fill("")
    await field.press_sequentially("/bread")
    await options.first.click()
    await expect(form).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(field).to_have_value("/bread")
    # Where none fits, Enter sends.
    await field.fill("")
    await field.press_sequentially("/nothing")
    await chat.page.keyboard.press("Enter")
    await expect(chat.prompts).to_contain_text("/nothing")
    await chat.ended()
    await chat.page.goto(f"{chat.url}/settings/prompts")
    await chat.page.get_by_role("button", name="Edit /brief").click()
    await save(chat, "short", "Be short.")
    await expect(chat.part("snippet").filter(has_text="/short")).to_contain_text("Be short.")
    await chat.page.reload()
    await expect(chat.part("snippet")).to_have_count(3)
    await chat.part("snippet").filter(has_text="/short").get_by_test_id("snippet-delete").click()
    await expect(chat.page.get_by_role("dialog", name="Delete /short")).to_be_visible()
    await chat.part("confirm").click()
    await expect(chat.part("snippet")).to_have_count(2)


async def test_a_snippet_that_is_made_while_the_list_is_read_stays(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/prompts", user="readers")
    gate, read = asyncio.Event(), 0

    async def late(route: Route) -> None:
        nonlocal read
        answer = await route.fetch()
        if route.request.method == "GET":
            read += 1
            await gate.wait()
        await route.fulfill(response=answer)

    await expect(chat.part("snippet-new")).to_be_visible()
    await chat.page.route("**/api/v1/snippets", late)
    # The page hears of the first one, and asks for the list, which does not hold the second.
    await make(chat, "first", "One.")
    await eventually(lambda: read > 0, 20)
    await make(chat, "second", "Two.")
    gate.set()
    await eventually(lambda: read > 1, 20)
    await expect(chat.part("snippet")).to_have_count(2)
    await chat.page.reload()
    await expect(chat.part("snippet")).to_have_count(2)


async def test_a_snippet_that_names_itself_is_refused(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/prompts", user="loops")
    chat.complaints.expected.append("status of 400")
    await make(chat, "one", "Then /two")
    await chat.part("snippet-new").click()
    await save(chat, "two", "Then /one again")
    await expect(chat.page.get_by_role("alert").filter(has_text="leads back to this name")).to_be_visible()
    # What was written is still there to be mended.
    await expect(chat.part("snippet-text")).to_have_value("Then /one again")
    await save(chat, "two", "Then stop.")
    await expect(chat.part("snippet")).to_have_count(2)


async def test_a_snippet_that_comes_too_early_is_sent_again_under_its_key(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/prompts", user="early")
    chat.complaints.expected.append("status of 503")
    keys: list[str | None] = []

    async def behind(route: Route) -> None:
        keys.append(await route.request.header_value("idempotency-key"))
        error = {"message": "Not yet.", "code": "projections_behind"}
        if len(keys) < 3:
            await route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": error})
        else:
            await route.continue_()

    await chat.part("snippet-new").click()
    await chat.page.route(
        "**/api/v1/snippets", lambda route: behind(route) if route.request.method == "POST" else route.continue_()
    )
    await save(chat, "one", "Say one.")
    await expect(chat.part("snippet")).to_have_count(1)
    assert len(keys) == 3 and len(set(keys)) == 1 and keys[0]
