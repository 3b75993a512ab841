"""What is at an address: a conversation under its own name, however it was come to; else the page says what is not."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.web.conftest import OpenChat
from tests.web.over_the_api import begun

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

LISTED_AT_FIRST = 40


async def test_an_unknown_address_is_the_pages_own_404(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 404")
    for path in ("/nonsense", "/c/", "/C/x", "/c/1234", "/pulse/", "/api/v1/nonsense"):
        answer = await chat.page.goto(chat.url + path)
        assert answer is not None and answer.status == 404
        await expect(chat.part("error-card")).to_contain_text("nothing at this address")
        await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Not found")
        await expect(chat.page).to_have_title("Not found – Verbatim")
        await expect(chat.part("composer")).to_have_count(0)
    await chat.part("error-card").get_by_role("button", name="New chat").click()
    await expect(chat.page).to_have_url(f"{chat.url}/")
    await expect(chat.part("composer")).to_be_visible()


async def test_a_browser_finds_what_it_looks_for_by_itself(open_chat: OpenChat) -> None:
    chat = await open_chat()
    for path in ("favicon.ico", "apple-touch-icon.png", "manifest.webmanifest", "robots.txt"):
        assert (await chat.page.request.get(f"{chat.url}/{path}")).status == 200
    tools = await chat.context.new_cdp_session(chat.page)
    manifest = await tools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"] == f"{chat.url}/manifest.webmanifest"
    icons = "() => [...document.querySelectorAll('link[rel*=icon]')].map((link) => link.href)"
    for address in await chat.evaluate(icons):
        assert (await chat.page.request.get(address)).ok


async def test_a_conversation_is_called_by_its_own_name_however_one_comes_to_it(
    open_chat: OpenChat, stack: Stack
) -> None:
    async with begun(stack, ["The oldest of all kumquats", *map(str, range(LISTED_AT_FIRST + 1))]) as made:
        oldest, newest = made[0], made[-1]
        chat = await open_chat(f"/c/{oldest}")
        rows = chat.part("conversation-item")
        heading = chat.page.get_by_role("heading", level=1)

        async def is_named(name: str) -> None:
            await expect(heading).to_have_text(name)
            await expect(chat.page).to_have_title(f"{name} – Verbatim")

        await is_named("The oldest of all kumquats")
        await expect(rows).to_have_count(LISTED_AT_FIRST)
        await rows.locator(f"a[href='/c/{newest}']").click()
        await is_named(str(LISTED_AT_FIRST))
        await chat.page.go_back()
        await is_named("The oldest of all kumquats")
        await chat.part("new-chat").click()
        await expect(chat.page).to_have_title("Verbatim")
        await chat.part("conversation-search").fill("kumquats oldest")
        await rows.locator(f"a[href='/c/{oldest}']").click()
        await is_named("The oldest of all kumquats")


async def test_a_conversation_that_is_not_there_takes_no_prompt(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 404")
    await chat.page.goto(f"{chat.url}/c/0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11")
    await expect(chat.part("error-card")).to_contain_text("no such conversation")
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Not found")
    await expect(chat.page).to_have_title("Not found – Verbatim")
    await expect(chat.part("composer")).to_have_count(0)
    await expect(chat.part("toggle-log")).to_have_count(0)
    await chat.part("error-card").get_by_role("button", name="New chat").click()
    await expect(chat.part("composer")).to_be_focused()
