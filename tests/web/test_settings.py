"""The settings: what is chosen holds at once, after a reload, and in what the page then does."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat, key_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

FONT_PX = "() => parseFloat(getComputedStyle(document.documentElement).fontSize)"
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"


async def open_settings(chat: ChatPage) -> None:
    await chat.part("settings-link").click()
    await expect(chat.page.get_by_role("heading", name="General")).to_be_visible()


async def slide(chat: ChatPage, testid: str, presses: str, times: int) -> None:
    await chat.part(testid).focus()
    for _ in range(times):
        await chat.page.keyboard.press(presses)


async def test_the_look_is_chosen_and_stays(open_chat: OpenChat) -> None:
    chat = await open_chat(user="looker")
    light = await chat.evaluate(BACKGROUND)
    await open_settings(chat)
    await expect(chat.page).to_have_url(f"{chat.url}/settings")
    await expect(chat.page).to_have_title("Settings – Verbatim")
    await chat.page.get_by_text("Dark", exact=True).click()
    await slide(chat, "text-size", "ArrowRight", 4)
    await expect(chat.page.get_by_text("120 %", exact=True)).to_be_visible()
    dark = await chat.evaluate(BACKGROUND)
    assert dark != light
    assert await chat.evaluate(FONT_PX) == pytest.approx(19.2)
    await chat.page.goto(f"{chat.url}/")
    await chat.part("composer").wait_for()
    assert await chat.evaluate(BACKGROUND) == dark
    assert await chat.evaluate(FONT_PX) == pytest.approx(19.2)
    # At the most too, nothing is wider than a phone.
    await chat.page.goto(f"{chat.url}/settings/general")
    await slide(chat, "text-size", "End", 1)
    await chat.page.set_viewport_size({"width": 390, "height": 780})
    assert await chat.evaluate("() => document.documentElement.scrollWidth") <= 390


async def test_what_sends_is_chosen(open_chat: OpenChat) -> None:
    chat = await open_chat(user="sender")
    await open_settings(chat)
    await chat.page.get_by_text("Ctrl+Enter", exact=True).click()
    await chat.part("new-chat").click()
    await chat.part("composer").fill("What is 3 * 3?")
    await chat.page.keyboard.press("Enter")
    await expect(chat.part("composer")).to_have_value("What is 3 * 3?\n")
    await chat.page.keyboard.press("Control+Enter")
    await chat.ended()
    await expect(chat.answer.locator(".prose")).to_contain_text("9")


async def test_the_system_prompt_is_saved_or_left(open_chat: OpenChat) -> None:
    chat = await open_chat(user="prompter")
    await open_settings(chat)
    field = chat.page.get_by_label("How should it answer?")
    await field.fill("x" * 7_900)
    await expect(chat.page.get_by_text("100 characters left")).to_be_visible()
    await field.fill("Be brief.")
    await chat.page.get_by_role("button", name="Cancel").click()
    await expect(field).to_have_value("")
    await field.fill("Be brief.")
    await chat.part("system-prompt-save").click()
    await expect(chat.part("system-prompt-save")).to_have_count(0)
    await chat.page.reload()
    await expect(field).to_have_value("Be brief.")
    # Another tab of the browser knows it too.
    other = await open_chat(context=chat.context)
    await open_settings(other)
    await expect(other.page.get_by_label("How should it answer?")).to_have_value("Be brief.")


async def test_a_setting_is_the_same_in_each_browser_and_is_sent_once(open_chat: OpenChat, stack: Stack) -> None:
    key = key_of(stack, "two-browsers")
    here, there = [await open_chat("/signin", signed_in=False) for _ in range(2)]
    for chat in (here, there):
        chat.complaints.expected.append("status of 401")
        await chat.sign_in(key)
    second = await open_chat("/settings", context=here.context)
    await here.page.goto(f"{here.url}/settings")
    taken: list[str] = []
    here.context.on("response", lambda answer: taken.append(answer.url) if answer.request.method == "PATCH" else None)
    async with here.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        await here.page.get_by_text("Dark", exact=True).click()
    await expect(second.page.locator("html")).to_have_attribute("data-theme", "dark")
    await there.page.reload()
    await expect(there.page.locator("html")).to_have_attribute("data-theme", "dark")
    # Changed while the server is away: kept, said, and sent once when it is back, by one of the tabs.
    here.complaints.expected += ["ERR_INTERNET_DISCONNECTED"]
    # Who signs out in one tab is signed out in the other.
    second.complaints.expected += ["ERR_INTERNET_DISCONNECTED", "status of 401"]
    await here.context.set_offline(True)
    await here.page.get_by_text("Light", exact=True).click()
    await expect(here.part("settings-kept")).to_contain_text("until the server can be reached")
    async with here.context.expect_event("response", lambda answer: answer.request.method == "PATCH"):
        await here.context.set_offline(False)
    await expect(here.part("settings-kept")).to_have_text("")
    await there.page.reload()
    await expect(there.page.locator("html")).to_have_attribute("data-theme", "light")
    assert len(taken) == 2, "one for each change"
    # Who signs in next has their own; of the first one stays only how the browser looks.
    await here.part("system-prompt").fill("Be brief.")
    await here.part("system-prompt-save").click()
    await here.part("sign-out").click()
    await expect(here.part("signin-key")).to_be_visible()
    assert "Be brief." not in await here.evaluate("() => JSON.stringify({ ...localStorage })")
    await expect(here.page.locator("html")).to_have_attribute("data-theme", "light")


async def test_what_comes_in_while_one_leaves_is_not_kept(open_chat: OpenChat, stack: Stack) -> None:
    """The answer to a change that was under way brings the settings, after they were forgotten."""
    chat = await open_chat("/signin", signed_in=False)
    await chat.sign_in(key_of(stack, "leaver"))
    await open_settings(chat)
    saved, leaving = asyncio.Event(), asyncio.Event()

    async def hold(route: Route, until: asyncio.Event) -> None:
        answer = await route.fetch()
        await until.wait()
        await route.fulfill(response=answer)

    async def hold_patch(route: Route) -> None:
        await (hold(route, saved) if route.request.method == "PATCH" else route.fallback())

    await chat.page.route("**/api/v1/settings", hold_patch)
    await chat.page.route("**/signin", lambda route: hold(route, leaving))
    await chat.part("system-prompt").fill("Be brief.")
    await chat.part("system-prompt-save").click()
    async with chat.page.expect_request(lambda asked: asked.is_navigation_request()):
        # Nothing waits for the navigation, which is held up.
        await chat.part("sign-out").click(no_wait_after=True)
    async with chat.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        saved.set()
    leaving.set()
    await expect(chat.part("signin-key")).to_be_visible()
    assert "Be brief." not in await chat.evaluate("() => JSON.stringify({ ...localStorage })")


async def test_a_section_that_is_not_there_is_said(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.page.goto(f"{chat.url}/settings/nothing")
    await expect(chat.page.get_by_text("There is no such section.")).to_be_visible()
    await chat.part("settings-general").click()
    await expect(chat.page).to_have_url(f"{chat.url}/settings/general")
    await expect(chat.part("text-size")).to_be_visible()


async def test_a_new_chat_begins_with_what_is_chosen(open_chat: OpenChat) -> None:
    chat = await open_chat("/settings/prompts", user="starter")
    for text in ("What is 6 * 9?", "  ", "Count from 1 to 3"):
        await chat.part("start-add").click()
        await expect(chat.part("start-text").last).to_be_focused()
        await expect(chat.part("start-text").last).to_have_value("")
        await chat.page.keyboard.type(text)
    await chat.part("starts-save").click()
    await expect(chat.part("start-text")).to_have_count(2)
    await chat.part("new-chat").click()
    await expect(chat.part("start")).to_have_text(["What is 6 * 9?", "Count from 1 to 3"])
    await chat.part("start").first.click()
    await chat.ended()
    assert "54" in await chat.text()
    # Without any, those that come along are back.
    await chat.page.goto(f"{chat.url}/settings/prompts")
    for _ in range(2):
        await chat.page.get_by_role("button", name="Remove prompt 1").click()
    await chat.part("starts-save").click()
    await chat.part("new-chat").click()
    await expect(chat.page.get_by_role("button", name="What is 37 × 24?")).to_be_visible()


async def test_the_installation_may_offer_what_to_begin_with(open_chat: OpenChat) -> None:
    first = await open_chat()

    async def told(route: Route) -> None:
        answer = await (await route.fetch()).json()
        await route.fulfill(json={**answer, "starts": ["Who is on call?"]})

    await first.context.route("**/api/v1/models", told)
    chat = await open_chat(context=first.context)
    await expect(chat.part("start")).to_have_text(["Who is on call?"])
