"""Keeping order among conversations: deleting and undoing it, marks, folders, filters, finding what was said."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Locator, expect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat
from tests.web.over_the_api import begun, elsewhere

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


def row_of(chat: ChatPage, conversation: str) -> Locator:
    return chat.page.locator(f".row[data-id='{conversation}']")


async def is_gone(client: httpx.AsyncClient, conversation: str) -> None:
    """Waits until the server knows nothing of a conversation."""

    async def gone() -> bool:
        return (await client.get(f"/api/v1/conversations/{conversation}")).status_code == 404

    deleted: bool = await eventually(gone, 60)
    assert deleted


@pytest.mark.slow("a deletion is final after ten seconds")
async def test_a_deletion_can_be_undone_for_a_while(open_chat: OpenChat, stack: Stack) -> None:
    async with (
        begun(stack, ["Kept after all", "Deleted in time", "Deleted by leaving"]) as made,
        elsewhere(stack) as api,
    ):
        kept, deleted, left = made
        chat = await open_chat(f"/c/{kept}")
        tab = await open_chat(context=chat.context)
        await chat.part("composer").fill("half a thought")
        await chat.choose(row_of(chat, kept), "delete")
        await expect(chat.page).to_have_url(f"{chat.url}/")
        for page in (chat, tab):
            await expect(row_of(page, kept)).to_have_count(0)
        await chat.page.go_back()
        await expect(chat.part("error-card")).to_contain_text("is being deleted")
        await chat.part("toast").get_by_role("button", name="Undo").click()
        await expect(chat.part("composer")).to_have_value("half a thought")
        for page in (chat, tab):
            await expect(row_of(page, kept)).to_have_count(1)
        # Again, and undone by a key.
        await chat.choose(row_of(chat, kept), "delete")
        await expect(row_of(chat, kept)).to_have_count(0)
        await chat.page.locator(".scroller").focus()
        await chat.page.keyboard.press("Control+z")
        await expect(row_of(chat, kept)).to_have_count(1)
        await chat.choose(row_of(chat, deleted), "delete")
        await expect(chat.part("toast")).to_contain_text("“Deleted in time” is deleted.")
        assert (await api.get(f"/api/v1/conversations/{deleted}")).status_code == 200
        await is_gone(api, deleted)
        # A page that is closed deletes at once what it was told to.
        await chat.choose(row_of(chat, left), "delete")
        await expect(row_of(chat, left)).to_have_count(0)
        await chat.page.reload()
        await is_gone(api, left)
        await expect(row_of(chat, kept)).to_have_count(1)
        for each in (deleted, left):
            await expect(row_of(chat, each)).to_have_count(0)
        assert (await api.get(f"/api/v1/conversations/{kept}")).status_code == 200
