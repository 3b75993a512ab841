"""Keeping order among conversations: deleting and undoing it, marks, folders, filters, finding what was said."""

from __future__ import annotations

import re

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


async def test_what_can_be_done_with_a_conversation_is_at_its_title(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["Under its title"]) as made:
        chat = await open_chat(f"/c/{made[0]}")
        # At the end it is deleted, perhaps while the page reads how it is marked.
        chat.complaints.expected.append("status of 404")
        heading = chat.page.get_by_role("heading", level=1)
        await heading.get_by_role("button").click()
        await expect(chat.part("title-edit")).to_be_focused()
        await chat.part("title-edit").fill("Left as it was")
        await chat.page.keyboard.press("Escape")
        await expect(heading).to_have_text("Under its title")
        await expect(heading.get_by_role("button")).to_be_focused()
        await chat.page.keyboard.press("Enter")
        await chat.part("title-edit").fill("Written anew")
        await chat.page.keyboard.press("Enter")
        await expect(heading).to_have_text("Written anew")
        await expect(row_of(chat, made[0])).to_contain_text("Written anew")
        await chat.part("title-menu").click()
        for item in ("pin", "move", "archive", "find-open", "copy-conversation", "export", "delete"):
            await expect(chat.part(item)).to_be_visible()
        await chat.part("pin").click()
        await expect(chat.part("pinned").locator(f"[data-id='{made[0]}']")).to_be_visible()


async def test_conversations_are_pinned_archived_and_put_into_folders_on_all_devices(
    open_chat: OpenChat, stack: Stack
) -> None:
    async with begun(stack, ["To be pinned", "To be archived", "To be moved", "To be dragged"]) as made:
        pinned, archived, moved, dragged = made
        chat = await open_chat()
        device = await open_chat()
        pages = (chat, device)
        await chat.choose(row_of(chat, pinned), "pin")
        for page in pages:
            await expect(page.part("pinned").locator(f"[data-id='{pinned}']")).to_be_visible()
        await chat.choose(row_of(chat, archived), "archive")
        for page in pages:
            await expect(row_of(page, archived)).to_have_count(0)
        await chat.part("toast").get_by_role("button", name="Undo").click()
        for page in pages:
            await expect(row_of(page, archived)).to_have_count(1)
        await chat.choose(row_of(chat, moved), "move")
        await chat.part("folder-name").fill("Fruit")
        await chat.part("folder-create").click()
        for page in pages:
            folder = page.part("folder").filter(has_text="Fruit")
            await folder.get_by_role("button", name="Fruit", exact=True).click()
            await expect(folder.locator(f"[data-id='{moved}']")).to_be_visible()
        folder = chat.part("folder").filter(has_text="Fruit")
        await row_of(chat, dragged).locator("a").drag_to(folder)
        for page in pages:
            await expect(page.part("folder").locator(f"[data-id='{dragged}']")).to_be_visible()
        await chat.page.reload()
        await expect(folder.locator(f"[data-id='{dragged}']")).to_be_visible()
        await folder.hover()
        await folder.get_by_test_id("folder-menu").click()
        await chat.part("folder-menu-delete").click()
        for page in pages:
            await expect(page.part("folder").filter(has_text="Fruit")).to_have_count(0)
            await expect(row_of(page, moved)).to_have_count(1)


async def test_many_are_selected_and_deleted_at_once(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["Quince 1", "Quince 2", "Quince 3", "Quince 4"]) as made:
        chat = await open_chat()
        await chat.choose(row_of(chat, made[3]), "select")
        await expect(chat.part("selection")).to_contain_text("1 selected")
        await row_of(chat, made[1]).locator("a").click(modifiers=["Shift"])
        await expect(chat.part("selection")).to_contain_text("3 selected")
        await chat.part("selection-delete").click()
        for each in made[1:]:
            await expect(row_of(chat, each)).to_have_count(0)
        await expect(chat.part("toast")).to_contain_text("3 conversations are deleted.")
        await chat.part("toast").get_by_role("button", name="Undo").click()
        for each in made:
            await expect(row_of(chat, each)).to_have_count(1)


async def test_words_are_found_in_the_conversation_and_it_is_copied_whole(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    await chat.ask("Repeat: the first medlar is **here**")
    await chat.ask("Repeat: and a second Médlar")
    times = chat.page.locator(".message time")
    await chat.page.reload()
    await expect(times).to_have_count(4)
    await expect(times.first).to_have_attribute("datetime", re.compile(r"^\d{4}-\d\d-\d\dT"))
    await chat.page.keyboard.press("Control+f")
    await expect(chat.part("find-words")).to_be_focused()
    await chat.page.keyboard.type("medlar")
    await expect(chat.part("find-count")).to_have_text("1 of 4")
    await chat.page.keyboard.press("Enter")
    await expect(chat.part("find-count")).to_have_text("2 of 4")
    await chat.page.keyboard.press("Shift+Enter")
    await expect(chat.part("find-count")).to_have_text("1 of 4")
    await chat.part("find-words").fill("medlar is here")
    await expect(chat.part("find-count")).to_have_text("1 of 1")
    await chat.part("find-words").fill("nothing of the kind")
    await expect(chat.part("find-count")).to_have_text("Nothing found.")
    await chat.page.keyboard.press("Escape")
    await expect(chat.part("find")).to_have_count(0)
    await chat.part("title-menu").click()
    await chat.part("copy-conversation").click()
    await expect(chat.part("toast")).to_contain_text("copied")
    await chat.part("composer").press("Control+v")
    written = await chat.part("composer").input_value()
    assert written.startswith("**You**\n\nRepeat: the first medlar is **here**\n")
    assert written.count("Médlar") == 2


async def test_the_list_is_narrowed_to_a_model_to_days_and_to_the_archive(open_chat: OpenChat, stack: Stack) -> None:
    async with begun(stack, ["In the archive", "Of today"]) as made, elsewhere(stack) as api:
        archived, today = made
        await api.patch(f"/api/v1/conversations/{archived}/marks", json={"archived": True})
        chat = await open_chat()
        await expect(row_of(chat, today)).to_have_count(1)
        await expect(row_of(chat, archived)).to_have_count(0)
        await chat.part("filter-open").click()
        await expect(row_of(chat, today)).to_have_count(1)
        await chat.part("filter-archived").check()
        await expect(row_of(chat, archived)).to_have_count(1)
        await expect(row_of(chat, today)).to_have_count(0)
        await chat.choose(row_of(chat, archived), "archive")
        await expect(row_of(chat, archived)).to_have_count(0)
        await chat.part("filter-archived").uncheck()
        await expect(row_of(chat, archived)).to_have_count(1)
        await chat.part("filter-to").fill("2020-01-31")
        await expect(row_of(chat, today)).to_have_count(0)
        await expect(chat.page.get_by_text("Nothing found.")).to_be_visible()
        await chat.part("filter-end").click()
        await expect(row_of(chat, today)).to_have_count(1)
        await expect(chat.part("filter")).to_have_count(0)


async def test_a_page_that_comes_back_as_it_was_left_offers_no_undo_of_what_it_has_sent(open_chat: OpenChat) -> None:
    chat = await open_chat()
    # It is told once more when the page comes back, and may be gone by then.
    chat.complaints.expected.append("status of 404")
    await chat.ask("What is 1 + 1?")
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await chat.choose(row, "delete")
    undo = chat.page.get_by_role("button", name="Undo")
    await expect(undo).to_be_visible()
    async with chat.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        await chat.evaluate("() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await chat.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await expect(undo).to_have_count(0)
    await expect(row).to_have_count(0)
