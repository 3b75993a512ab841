"""A newcomer's first hour, from the sign-in to a deletion that is undone; docs/web.md shows the pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.stack import Stack
from tests.web.chat_page import ChatPage
from tests.web.conftest import PICTURES, OpenChat, key_of
from tests.web.export_files import export_of
from tests.web.test_accessibility import SHOWN

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

FIRST = "What is 37 × 24?"


async def picture(chat: ChatPage, step: str) -> None:
    """With nothing under the pointer."""
    await chat.page.mouse.move(0, 0)
    await chat.page.screenshot(path=PICTURES / f"newcomer-{step}.png")


@pytest.mark.slow("all that one does in the first hour, step by step")
async def test_a_newcomer_signs_in_talks_takes_it_along_and_deletes(
    open_chat: OpenChat, stack: Stack, tmp_path: Path
) -> None:
    chat = await open_chat("/signin", signed_in=False)
    await picture(chat, "1-sign-in")
    await chat.sign_in(key_of(stack, "newcomer"))
    await expect(chat.part("composer")).to_be_focused()
    await expect(chat.part("conversation-item")).to_have_count(0)
    await picture(chat, "2-first-prompt")

    await chat.page.get_by_role("button", name=FIRST, exact=True).click()
    await chat.ended()
    await expect(chat.answer.locator(".prose")).to_contain_text("888")
    rows = chat.part("conversation-item")
    await expect(rows).to_have_count(1)
    await picture(chat, "3-asked")

    await chat.prompts.first.hover()
    await chat.prompts.first.get_by_test_id("edit").click()
    await expect(chat.part("edit-text")).to_have_value(FIRST)
    await chat.part("edit-text").fill(SHOWN)
    await picture(chat, "4-edit")
    await chat.part("edit-save").click()
    await expect(chat.prompts.first.get_by_test_id("branch-count")).to_have_text("2/2")
    await chat.ended()
    await expect(chat.answer.locator(".katex")).to_have_count(2)

    await chat.part("regenerate").click()
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    await chat.ended()
    await expect(chat.answer.locator(".katex")).to_have_count(2)
    await picture(chat, "5-regenerated")
    await chat.part("toggle-log").click()
    await expect(chat.part("log-link")).to_have_text("Live")
    await expect(chat.part("timeline").locator("[data-stage='Ended']")).to_be_visible()
    await picture(chat, "5-log")
    await chat.part("log-close").click()

    talk = chat.page.url
    own = chat.page.locator(f".row[data-id='{chat.conversation_id}']")
    await chat.choose(own, "export")
    await chat.part("format-json").check()
    await picture(chat, "6-export")
    async with chat.page.expect_download() as coming:
        await chat.part("export-run").click()
    await (await coming.value).save_as(tmp_path / "talk.json")
    exported = json.loads((tmp_path / "talk.json").read_text())
    # All that was said, the versions that were left behind too.
    assert sorted(each["role"] for each in exported["messages"]) == ["assistant"] * 3 + ["user"] * 2
    assert {each["content"] for each in exported["messages"] if each["role"] == "user"} == {FIRST, SHOWN}

    await chat.page.goto(f"{chat.url}/settings/data")
    await chat.part("import-file").set_input_files(
        {"name": "chat-export.json", "mimeType": "application/json", "buffer": export_of("open_webui")}
    )
    await expect(chat.part("import-status")).to_have_text("2 conversations from Open WebUI.")
    await picture(chat, "7-import")
    await chat.part("import-run").click()
    await expect(chat.part("import-status")).to_have_text("2 conversations were imported.")
    await expect(rows).to_have_count(3)
    await rows.filter(has_text="Bread").locator("a").click()
    await expect(chat.answer).to_contain_text("10 g for 500 g of flour")
    await picture(chat, "8-imported")

    # What was deleted is out of sight at once, and back with one click.
    await own.locator("a").click()
    await expect(chat.page).to_have_url(talk)
    await expect(chat.answer).to_contain_text("The mean wait is")
    await chat.choose(own, "delete")
    await expect(own).to_have_count(0)
    await expect(chat.page).to_have_url(f"{chat.url}/")
    await picture(chat, "9-deleted")
    await chat.part("toast").get_by_role("button", name="Undo").click()
    await expect(own).to_have_count(1)
    await chat.page.goto(talk)
    await expect(chat.answer).to_contain_text("The mean wait is")
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    # And one that stays deleted.
    other = rows.filter(has_text="Bread")
    await chat.choose(other, "delete")
    await expect(other).to_have_count(0)
    await expect(rows).to_have_count(2)
