"""The log beside the chat: events as they come, a moment of the past, an answer played again, a turn with its crash."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ANSWER_MS, ChatPage, count_to, numbers_to
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

LONG = 180


async def open_log(chat: ChatPage) -> None:
    await chat.part("toggle-log").click()
    await expect(chat.part("log-link")).to_have_text("Live")


def events(chat: ChatPage, type_: str) -> Locator:
    return chat.page.locator(f"[data-testid=log-event][data-type={type_}]")


async def test_events_come_as_they_happen_and_can_be_read(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await open_log(chat)
    await expect(events(chat, "PromptSubmitted")).to_have_count(1)
    await chat.ask("What is 20 + 22?")
    for type_ in ("PromptSubmitted", "GenerationCompleted"):
        await expect(events(chat, type_)).to_have_count(2)
    last = events(chat, "PromptSubmitted").last
    assert await last.get_attribute("data-topic") == "conversation-events"
    await last.get_by_role("button").first.click()
    await expect(last.get_by_test_id("log-payload")).to_contain_text("20 + 22")
    await chat.part("log-filter").fill("20 + 22")
    await expect(events(chat, "PromptSubmitted")).to_have_count(1)
    await chat.part("log-filter").fill("")
    await chat.part("log-type").select_option("GenerationCompleted")
    await expect(events(chat, "PromptSubmitted")).to_have_count(0)
    await expect(events(chat, "GenerationCompleted")).to_have_count(2)


async def test_the_slider_shows_the_conversation_as_of_any_event(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 2 + 2?")
    await chat.ask("What is 30 + 30?")
    await open_log(chat)
    await expect(events(chat, "GenerationCompleted")).to_have_count(2)
    await events(chat, "GenerationCompleted").first.get_by_role("button").first.click()
    await events(chat, "GenerationCompleted").first.get_by_test_id("log-travel").click()
    await expect(chat.page.locator(".past-note")).to_contain_text("As of")
    await expect(chat.answers).to_have_count(1)
    await expect(chat.answer.locator(".prose")).to_have_text("2 + 2 = 4")
    await expect(chat.part("composer")).to_have_count(0)
    slider = chat.part("time-slider")
    await slider.focus()
    await slider.press("Home")
    await expect(chat.answers).to_have_count(0)
    # The past, and not the place to begin a chat.
    await expect(chat.page.get_by_text("Nothing had been said yet.")).to_be_visible()
    await expect(chat.part("start")).to_have_count(0)
    await slider.press("End")
    await expect(chat.answers).to_have_count(2)
    await expect(chat.part("composer")).to_be_visible()


@pytest.mark.slow("a worker is killed and replaced")
async def test_a_timeline_has_the_crash_in_it(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.ask(count_to(LONG), wait=False)
    await chat.begun("20, 21")
    os.kill(stack.pid("worker"), signal.SIGKILL)
    await chat.ended()
    assert await chat.numbers() == numbers_to(LONG)
    await open_log(chat)
    timeline = chat.part("timeline")
    await expect(timeline.locator(".stage-crashed")).to_contain_text("crashed")
    await expect(timeline.locator("[data-stage='Attempt 2']")).to_contain_text("completed")
    for stage in ("Accepted", "Queued", "First token", "Ended"):
        await expect(timeline.locator(f"[data-stage='{stage}']").first).to_be_visible()


async def test_an_answer_is_played_again_at_its_own_pace(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(60))
    await open_log(chat)
    await chat.part("replay").click()
    await expect(chat.part("replay-place")).to_be_visible()
    await expect(chat.answer.locator(".prose")).to_contain_text("10, 11", timeout=ANSWER_MS)
    await expect(chat.answer.locator(".prose")).to_contain_text("59, 60", timeout=ANSWER_MS)
    assert await chat.numbers() == numbers_to(60)
    await chat.part("replay-end").click()
    await expect(chat.part("composer")).to_be_visible()


async def test_pulse_shows_what_is_being_written(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("10, 11")
    other = await open_chat(context=chat.context)
    await other.part("pulse-link").click()
    await expect(other.page).to_have_url(f"{other.url}/pulse")
    await expect(other.part("pulse-state")).to_have_text("Live")
    await expect(other.part("pulse-generations")).to_contain_text("1 running")
    await expect(other.part("pulse-tokens").locator("strong").first).not_to_have_text("0")
    await chat.part("stop").click()
    await chat.ended("cancelled")
    await expect(other.part("pulse-generations")).to_contain_text("0 running")
