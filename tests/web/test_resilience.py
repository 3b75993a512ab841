"""What happens to a page while its world breaks: the text goes on, without a gap and without a repeat."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.chat_page import count_to, numbers_to
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

# Ten seconds of writing: time enough for a slow machine to load the page again meanwhile.
LONG = 200
NETWORK = ["Failed to load resource: net::ERR_", "the server responded with a status of 50"]


async def kill(stack: Stack, role: str) -> None:
    """kill -9 of a process; returns when the supervisor has another one in its place."""
    victim = stack.pid(role)
    os.kill(victim, signal.SIGKILL)
    await eventually(lambda: stack.pid(role) != victim, 60)


@pytest.mark.slow("an answer of many seconds grows")
async def test_a_reload_in_mid_stream_loses_nothing(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(LONG), wait=False)
    await chat.begun("20, 21")
    await chat.page.reload()
    await chat.begun("1, 2, 3")
    await expect(chat.part("stop")).to_be_visible()
    await chat.ended()
    assert await chat.numbers() == numbers_to(LONG)
    await expect(chat.answers).to_have_count(1)


async def test_the_stop_button_survives_a_reload(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("20, 21")
    await chat.page.reload()
    await chat.part("stop").click()
    await chat.ended("cancelled")
    shown = await chat.numbers()
    # The last one may have lost its last digits.
    assert shown[:-1] == numbers_to(len(shown) - 1)


async def test_a_reload_before_the_first_word_keeps_the_prompt(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await chat.part("composer").fill(count_to(50))
    await chat.part("send").click()
    await chat.page.reload()
    await expect(chat.prompts).to_have_count(2)
    await chat.ended()
    assert await chat.numbers() == numbers_to(50)
    await expect(chat.part("branch-count")).to_have_count(0)


@pytest.mark.slow("an answer of many seconds grows")
async def test_two_tabs_show_the_same_answer_as_it_grows(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    other = await open_chat(f"/c/{chat.conversation_id}", context=chat.context)
    await expect(other.answers).to_have_count(1)
    await chat.ask(count_to(LONG), wait=False)
    await other.begun("10, 11")
    third = await open_chat(f"/c/{chat.conversation_id}")
    await third.begun("1, 2, 3")
    for tab in (chat, other, third):
        await tab.ended()
        assert await tab.numbers() == numbers_to(LONG)
        await expect(tab.answers).to_have_count(2)


async def test_any_tab_can_stop_it(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("10, 11")
    other = await open_chat(f"/c/{chat.conversation_id}")
    await other.begun("10, 11")
    await other.part("stop").click()
    for tab in (other, chat):
        await tab.ended("cancelled")
    assert await chat.text() == await other.text()


@pytest.mark.slow("an answer outlives its network")
async def test_a_lost_network_is_taken_up_where_it_was(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected += NETWORK
    await chat.ask(count_to(LONG), wait=False)
    await chat.begun("20, 21")
    await chat.context.set_offline(True)
    await expect(chat.part("connection")).to_contain_text("offline")
    await chat.part("composer").fill("kept meanwhile")
    await chat.context.set_offline(False)
    await chat.ended()
    assert await chat.numbers() == numbers_to(LONG)
    await expect(chat.part("connection")).to_have_text("")
    await expect(chat.part("composer")).to_have_value("kept meanwhile")


async def test_a_prompt_sent_without_network_is_sent_once_when_it_is_back(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected += NETWORK
    await chat.ask("What is 1 + 1?")
    await chat.context.set_offline(True)
    await chat.ask(count_to(30), wait=False)
    await expect(chat.prompts).to_have_count(2)
    await expect(chat.part("connection")).to_contain_text("offline")
    await chat.context.set_offline(False)
    await chat.ended()
    assert await chat.numbers() == numbers_to(30)
    await chat.page.reload()
    await expect(chat.prompts).to_have_count(2)
    await expect(chat.part("branch-count")).to_have_count(0)


@pytest.mark.slow("an answer outlives its worker")
async def test_a_killed_worker_leaves_no_gap(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.ask(count_to(LONG), wait=False)
    await chat.begun("20, 21")
    await kill(stack, "worker")
    await chat.ended()
    assert await chat.numbers() == numbers_to(LONG)


@pytest.mark.slow("an answer outlives its server")
async def test_a_killed_server_leaves_no_gap(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    chat.complaints.expected += NETWORK
    await chat.ask(count_to(LONG), wait=False)
    await chat.begun("20, 21")
    await kill(stack, "api")
    await chat.ended()
    assert await chat.numbers() == numbers_to(LONG)
    # Whoever only looks at a list sees it come back too.
    await expect(chat.part("connection")).to_have_text("")
    await chat.ask("What is 2 * 21?")
    await expect(chat.answer.locator(".prose")).to_contain_text("42")


async def test_a_stale_tab_never_overwrites(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    stale = await open_chat(f"/c/{chat.conversation_id}")
    await expect(stale.answers).to_have_count(1)
    # It hears that there is more, but cannot read what.
    stale.complaints.expected.append("net::ERR_FAILED")
    await stale.page.route("**/branch?*", lambda route: route.abort())
    await chat.ask("What is 2 + 2?")
    await stale.ask("What is 3 + 3?", wait=False)
    await expect(stale.prompts).to_have_count(2)
    await stale.page.unroute("**/branch?*")
    await stale.ended()
    await expect(stale.prompts.last.get_by_test_id("branch-count")).to_have_text("2/2")
    await expect(stale.page.locator(".toast")).to_contain_text("had gone on elsewhere")
    await stale.part("branch-prev").click()
    await expect(stale.answer.locator(".prose")).to_contain_text("2 + 2 = 4")
    # The other one is told when it is looked at.
    await chat.evaluate("() => dispatchEvent(new Event('focus'))")
    await chat.page.get_by_role("button", name="Show it").click()
    await expect(chat.answer.locator(".prose")).to_contain_text("3 + 3 = 6")
