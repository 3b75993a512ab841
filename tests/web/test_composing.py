"""Nothing that is written is lost: what is typed goes on while a prompt is sent, and comes back where it cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Route, expect

from schemas import ids
from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage, count_to, numbers_to
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

BEGIN = "**/api/v1/conversations"
TWO_ENTERS = """(field) => {
  for (let press = 0; press < 2; press += 1)
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
}"""


@asynccontextmanager
async def held_back(chat: ChatPage, address: str) -> AsyncIterator[None]:
    """Commands to this address are not answered until the block ends."""
    gate = asyncio.Event()

    async def wait(route: Route) -> None:
        if route.request.method == "POST":
            await gate.wait()
        await route.continue_()

    await chat.page.route(address, wait)
    try:
        yield
    finally:
        gate.set()


async def without_commands(chat: ChatPage, address: str) -> None:
    """Commands to this address find no network."""

    async def lose(route: Route) -> None:
        await (route.abort() if route.request.method == "POST" else route.continue_())

    chat.complaints.expected.append("net::ERR_FAILED")
    await chat.context.route(address, lose)


async def said(stack: Stack, conversation: str) -> list[str]:
    """The prompts and answers that the server has, by role."""
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}) as client:
        page = await client.get(f"/api/v1/conversations/{conversation}/messages", params={"limit": 50})
    return [str(message["role"]) for message in page.json()["data"]]


async def test_what_is_typed_after_enter_stays(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    composer = chat.part("composer")
    async with held_back(chat, BEGIN):
        await composer.press_sequentially("What is 1 + 1?")
        await composer.press("Enter")
        await composer.press_sequentially("and my next thought")
        await expect(chat.prompts.locator(".bubble")).to_have_text("What is 1 + 1?")
        await expect(chat.answer).to_have_attribute("data-status", "running")
        await expect(chat.page.locator(".waiting")).to_be_visible()
        # It has its address and its place in the list before the server has heard of it.
        at = chat.conversation_id
        row = chat.page.locator(f"[data-testid=conversation-item][data-id='{at}']")
        await expect(row).to_contain_text("What is 1 + 1?")
        await expect(composer).to_have_value("and my next thought")
    await chat.ended()
    assert chat.conversation_id == at
    await expect(composer).to_have_value("and my next thought")
    assert await said(stack, at) == ["user", "assistant"]
    await chat.page.reload()
    await expect(chat.prompts.locator(".bubble")).to_have_text("What is 1 + 1?")
    await expect(composer).to_have_value("and my next thought")
    await chat.part("new-chat").click()
    await expect(composer).to_have_value("")


async def test_the_page_derives_the_ids_that_the_server_derives(open_chat: OpenChat) -> None:
    chat = await open_chat()
    user, key = ids.user_id("ünser\\"), "k\x1f" * 40
    derived = """async ([module, ...parts]) => {
      const { conversationIdOf, promptIdOf, answerIdOf } = await import(module);
      const [user, key] = parts;
      return [conversationIdOf(user, key), promptIdOf(user, 'c', key), answerIdOf(user, 'c', key)];
    }"""
    prompt = ids.message_id(user, "c", key)
    conversation = ids.conversation_id(user, f"POST /api/v1/conversations\n{key}")
    here = await chat.evaluate(derived, [*await chat.modules("derived.js"), user, key])
    assert here == [conversation, prompt, ids.generation_id(prompt)]


async def test_two_presses_at_once_begin_one_answer(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.part("composer").fill("What is 2 + 2?")
    await chat.part("composer").evaluate(TWO_ENTERS)
    await chat.ended()
    await chat.part("composer").fill("What is 3 + 3?")
    await chat.part("composer").evaluate(TWO_ENTERS)
    await expect(chat.answers).to_have_count(2)
    await chat.ended()
    assert await said(stack, chat.conversation_id) == ["user", "assistant"] * 2


async def test_a_first_prompt_that_is_refused_comes_back_above_what_was_typed_since(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 400")
    gate = asyncio.Event()

    async def refuse(route: Route) -> None:
        if route.request.method == "POST":
            await gate.wait()
            await route.fulfill(status=400, json={"error": {"message": "Not like this.", "code": "invalid_request"}})
        else:
            await route.continue_()

    await chat.page.route(BEGIN, refuse)
    await chat.part("composer").fill("Not to be taken")
    await chat.part("composer").press("Enter")
    await chat.part("composer").press_sequentially("typed since")
    gate.set()
    await expect(chat.part("composer")).to_have_value("Not to be taken\n\ntyped since")
    await expect(chat.page).to_have_url(f"{chat.url}/")
    await expect(chat.page.locator(".toast")).to_contain_text("Not like this.")
    await expect(chat.prompts).to_have_count(0)
    await expect(chat.part("conversation-item").filter(has_text="Not to be taken")).to_have_count(0)
    await chat.page.unroute(BEGIN)
    await chat.ask("What is 4 + 4?")
    await expect(chat.answer.locator(".prose")).to_contain_text("8")


async def test_a_new_chat_without_network_is_sent_later_wherever_one_is_then(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await without_commands(chat, BEGIN)
    await chat.ask("What is 5 + 5?", wait=False)
    await expect(chat.prompts.locator(".bubble")).to_have_text("What is 5 + 5?")
    first = chat.conversation_id
    await chat.part("new-chat").click()
    await expect(chat.prompts).to_have_count(0)
    await chat.ask("What is 6 + 6?", wait=False)
    second = chat.conversation_id
    await chat.page.reload()
    await expect(chat.prompts.locator(".bubble")).to_have_text("What is 6 + 6?")
    await chat.page.locator(f"[data-testid=conversation-item][data-id='{first}'] a").click()
    await expect(chat.prompts.locator(".bubble")).to_have_text("What is 5 + 5?")
    await chat.context.unroute(BEGIN)
    await chat.ended()
    assert await chat.text() == "5 + 5 = 10"
    await chat.page.locator(f"[data-testid=conversation-item][data-id='{second}'] a").click()
    await chat.ended()
    assert await chat.text() == "6 + 6 = 12"
    for conversation in (first, second):
        assert await said(stack, conversation) == ["user", "assistant"]


async def test_what_could_not_be_loaded_without_network_comes_back_by_itself(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("net::ERR_")
    await chat.ask("What is 7 + 7?")
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}'] a")
    await chat.part("new-chat").click()
    await chat.context.set_offline(True)
    await row.click()
    await expect(chat.part("error-card")).to_contain_text("tries again by itself")
    await chat.context.set_offline(False)
    await expect(chat.answer.locator(".prose")).to_contain_text("7 + 7 = 14")
    await expect(chat.part("error-card")).to_have_count(0)


async def test_an_edit_is_sent_while_an_answer_runs(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("20, 21")
    await chat.prompts.hover()
    await chat.part("edit").click()
    await chat.part("edit-text").fill(count_to(20))
    await expect(chat.part("edit-save")).to_have_text("Stop and send")
    await chat.part("edit-text").press("Enter")
    await expect(chat.prompts.locator(".bubble")).to_have_text(count_to(20))
    await chat.ended()
    assert await chat.numbers() == numbers_to(20)
    await expect(chat.prompts.get_by_test_id("branch-count")).to_have_text("2/2")


async def test_on_a_touch_screen_enter_is_a_new_line_in_every_box(open_chat: OpenChat) -> None:
    chat = await open_chat(phone=True)
    await chat.evaluate("() => { if (matchMedia('(pointer: fine)').matches) throw new Error('a fine pointer'); }")
    composer = chat.part("composer")
    await composer.press_sequentially("What is")
    await composer.press("Enter")
    await composer.press_sequentially("8 + 8?")
    await expect(composer).to_have_value("What is\n8 + 8?")
    await chat.part("send").tap()
    await chat.ended()
    await chat.part("edit").tap()
    await chat.part("edit-text").press("Control+End")
    await chat.part("edit-text").press("Enter")
    await chat.part("edit-text").press_sequentially("Please.")
    await expect(chat.part("edit-text")).to_have_value("What is\n8 + 8?\nPlease.")


async def test_the_way_to_the_end_is_offered_only_while_there_is_one(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("Write 300 words")
    scroller = chat.page.locator(".scroller")
    await chat.page.set_viewport_size({"width": 390, "height": 400})
    await scroller.hover()
    await chat.page.mouse.wheel(0, -300)
    await expect(chat.part("to-latest")).to_be_visible()
    await chat.page.set_viewport_size({"width": 1280, "height": 2400})
    await expect(chat.part("to-latest")).to_have_count(0)
