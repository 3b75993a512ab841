"""What is printed of a page whose test has failed."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.web.conftest import OpenChat
from tests.web.page_state import MAX_SHOWN, Requests, shown

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def test_it_names_what_stands_on_the_page_and_what_it_asked_for(open_chat: OpenChat) -> None:
    chat = await open_chat()
    requests = Requests()
    requests.watch(chat.page)

    async def refuse(route: Route) -> None:
        await route.fulfill(status=404, json={"error": {"message": "Gone.", "code": "not_found"}})

    await chat.page.route("**/api/v1/conversations/*/messages", refuse)
    chat.complaints.expected.append("status of 404")
    await chat.ask("What is 1 + 1?", wait=False)
    await expect(chat.part("error-card").or_(chat.page.locator(".toast")).first).to_be_visible()
    here = chat.conversation_id[:8]
    said = await shown(chat.page, requests, ["console error: it is broken"])
    assert len(said) <= MAX_SHOWN
    assert f"page: {chat.page.url}" in said
    assert "focus: TEXTAREA composer" in said
    assert "What is 1 + 1?" in said
    assert f"POST /conversations/{here}/messages 404" in said
    assert "it said: console error: it is broken" in said
