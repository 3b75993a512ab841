"""Signing in and out, on the page: by key, by link, again after a while; nothing that was written is lost."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, expect

from tests.e2e.stack import Stack
from tests.web.chat_page import count_to, numbers_to
from tests.web.conftest import OpenChat
from tests.web.over_the_api import begin, elsewhere

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


def link_of(stack: Stack) -> str:
    printed = stack.verbatim("key", "link")
    assert printed.returncode == 0, printed.stderr
    found = re.search(r"#link=\S+", printed.stdout)
    assert found is not None, printed.stdout
    return found[0]


def key_of_another(stack: Stack) -> str:
    made = stack.verbatim("key", "create", "--user", "somebody-else")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


async def test_a_wrong_key_is_refused_and_the_right_one_signs_in(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat("/signin", signed_in=False)
    await chat.part("signin-key").fill("vk_nobody")
    await chat.part("signin-submit").click()
    await expect(chat.part("signin-told")).to_contain_text("not valid")
    await chat.sign_in(stack.key)
    await expect(chat.page).to_have_url(f"{chat.url}/")
    await expect(chat.part("composer")).to_be_focused()
    stored = "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
    assert "vk_" not in await chat.evaluate(stored)


async def test_a_link_signs_one_browser_in_once(open_chat: OpenChat, stack: Stack) -> None:
    link = link_of(stack)
    chat = await open_chat("/signin", signed_in=False)
    chat.complaints.expected.append("status of 401")
    await chat.page.goto(f"{chat.url}/{link}")
    await chat.part("composer").wait_for()
    assert "link" not in chat.page.url
    other = await open_chat(f"/{link}", signed_in=False)
    await expect(other.part("signin-told")).to_contain_text("link")
    assert "link=" not in other.page.url


async def test_a_link_outlives_a_server_that_is_away(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat("/signin", signed_in=False)
    chat.complaints.expected.append("status of 503")
    tries = 0

    async def away_at_first(route: Route) -> None:
        nonlocal tries
        tries += route.request.method == "POST"
        if route.request.method == "POST" and tries == 1:
            await route.fulfill(status=503, json={"error": {"code": "links_unavailable", "message": "Not now."}})
        else:
            await route.continue_()

    await chat.page.route("**/api/v1/session", away_at_first)
    await chat.page.goto(f"{chat.url}/{link_of(stack)}")
    await chat.part("composer").wait_for()
    assert tries == 2


async def test_an_expired_sign_in_leads_back_to_where_one_was(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 401")
    await chat.ask("What is 1 + 1?")
    address = chat.page.url
    await chat.expire()
    await chat.ask(count_to(40), wait=False)
    await expect(chat.part("signin-key")).to_be_visible()
    await expect(chat.part("signin-told")).to_contain_text("go on where you were")
    await chat.sign_in(stack.key)
    await chat.ended()
    assert chat.page.url == address
    assert await chat.numbers() == numbers_to(40)
    await expect(chat.prompts).to_have_count(2)


async def test_a_first_prompt_is_sent_after_an_expired_sign_in(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 401")
    await chat.expire()
    await chat.ask("What is 11 * 11?", wait=False)
    await chat.sign_in(stack.key)
    await chat.ended()
    await expect(chat.answer.locator(".prose")).to_contain_text("121")
    await expect(chat.prompts).to_have_count(1)
    await expect(chat.part("composer")).to_have_value("")


async def test_an_address_is_kept_over_the_sign_in(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.ask("What is 7 * 7?")
    newcomer = await open_chat(f"/c/{chat.conversation_id}", signed_in=False)
    await newcomer.sign_in(stack.key)
    await expect(newcomer.answer.locator(".prose")).to_contain_text("49")
    assert newcomer.page.url == chat.page.url


async def test_one_users_drafts_are_not_shown_to_the_next(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 401")
    await chat.part("composer").fill("a secret draft")
    await chat.page.wait_for_function("() => JSON.stringify({ ...localStorage }).includes('secret')")
    for key, draft in ((stack.key, "a secret draft"), (key_of_another(stack), "")):
        await chat.expire()
        await chat.page.goto(f"{chat.url}/")
        await chat.sign_in(key)
        await expect(chat.part("composer")).to_have_value(draft)
    assert "secret" not in await chat.evaluate("() => JSON.stringify({ ...localStorage })")


async def test_signing_out_ends_every_tab_and_forgets_what_was_written(open_chat: OpenChat, stack: Stack) -> None:
    async with elsewhere(stack) as client:
        made = await begin(client, title="To be deleted")
    chat = await open_chat()
    other = await open_chat(context=chat.context)
    for tab in (chat, other):
        tab.complaints.expected.append("status of 401")
    await chat.part("composer").fill("a secret draft")
    # What one of them has just deleted is deleted, and not forgotten.
    row = f".row[data-id='{made}']"
    await chat.choose(chat.page.locator(row), "delete")
    for tab in (chat, other):
        await expect(tab.page.locator(row)).to_have_count(0)
    await other.part("sign-out").click()
    for tab in (chat, other):
        await expect(tab.part("signin-key")).to_be_visible()
        await expect(tab.part("composer")).to_have_count(0)
        assert "secret" not in await tab.evaluate("() => JSON.stringify({ ...localStorage })")
    async with elsewhere(stack) as client:
        assert (await client.get(f"/api/v1/conversations/{made}")).status_code == 404


async def test_what_is_not_there_is_said(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 404")
    await chat.page.goto(f"{chat.url}/c/0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11")
    await expect(chat.part("error-card")).to_contain_text("no such conversation")
    for path in ("/c/%zz", "/c/1234"):
        await chat.page.goto(chat.url + path)
        await expect(chat.part("error-card")).to_contain_text("nothing at this address")
    await chat.part("error-card").get_by_role("button", name="New chat").click()
    await expect(chat.part("composer")).to_be_visible()
    assert chat.page.url == f"{chat.url}/"
