"""While an answer is written: messages that wait, or that stop it. And what can be asked of an answer that is there."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import FileChooser, Request, expect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.chat_page import ANSWER_MS, ChatPage, count_to
from tests.web.conftest import PHONE, OpenChat
from tests.web.over_the_api import elsewhere
from tests.web.test_composing import said

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

ENDLESS = 4000
SECOND = "verbatim-local-llmapi"


async def queue(chat: ChatPage, text: str) -> None:
    await chat.part("composer").fill(text)
    await chat.part("composer").press("Enter")
    await expect(chat.part("queued").filter(has_text=text)).to_be_visible()
    await expect(chat.part("composer")).to_have_value("")


async def test_what_is_sent_while_an_answer_is_written_waits_its_turn(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.ask(count_to(ENDLESS), wait=False)
    await chat.begun("20, 21")
    for text in ("What is 1 + 1?", "What is 2 + 2?", "Never mind"):
        await queue(chat, text)
    await chat.part("queued").nth(1).get_by_test_id("queue-edit").click()
    await chat.part("queue-text").fill("What is 3 + 3?")
    await chat.part("queue-text").press("Enter")
    await chat.part("queued").nth(2).get_by_test_id("queue-remove").click()
    waiting = ["What is 1 + 1?", "What is 3 + 3?"]
    texts = chat.part("queued").locator(".queued-text")
    await expect(texts).to_have_text(waiting)
    await expect(chat.part("queue")).to_contain_text("Kept on this device")
    await chat.page.reload()
    await expect(texts).to_have_text(waiting)
    # Another tab shows them too, and only one of the two sends them.
    other = await open_chat(f"/c/{chat.conversation_id}", context=chat.context)
    await expect(other.part("queued").locator(".queued-text")).to_have_text(waiting)
    await chat.begun("20, 21")
    await chat.part("queued").first.get_by_test_id("queue-now").click()
    for tab in (chat, other):
        await expect(tab.prompts.locator(".bubble")).to_have_text([count_to(ENDLESS), *waiting], timeout=ANSWER_MS)
        await expect(tab.answer.locator(".prose")).to_have_text("3 + 3 = 6", timeout=ANSWER_MS)
        await expect(tab.part("queue")).to_have_count(0)
    assert await said(stack, chat.conversation_id) == ["user", "assistant"] * 3
    await expect(chat.answers.first).to_have_attribute("data-status", "cancelled")
    await expect(chat.part("branch-count")).to_have_count(0)


async def test_an_answer_that_is_stopped_holds_what_waits(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(ENDLESS), wait=False)
    await chat.begun("20, 21")
    await queue(chat, "What is 4 + 4?")
    await chat.part("stop").click()
    await chat.ended("cancelled")
    await expect(chat.part("queue")).to_contain_text("not completed")
    await chat.ask("What is 5 + 5?")
    await expect(chat.part("queued")).to_have_count(1)
    await chat.part("queue-go").click()
    await expect(chat.prompts).to_have_count(3)
    await chat.ended()
    assert await chat.text() == "4 + 4 = 8"
    await expect(chat.part("branch-count")).to_have_count(0)
    # What is being typed can be sent at once, too.
    await chat.ask(count_to(ENDLESS), wait=False)
    await chat.begun("20, 21")
    await chat.part("composer").fill("What is 6 + 6?")
    await chat.part("stop-and-send").click()
    await expect(chat.prompts).to_have_count(5)
    await chat.ended()
    assert await chat.text() == "6 + 6 = 12"


async def test_what_is_written_and_what_waits_outlives_what_happens_to_it(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    chat.complaints.expected += ["status of 404", "net::ERR_FAILED"]
    await chat.ask(count_to(ENDLESS), wait=False)
    await chat.begun("20, 21")
    await queue(chat, "What is 4 + 4?")
    # It is sent while it is being changed: the change is in the field.
    await chat.part("queue-edit").click()
    await chat.part("queue-text").fill("What is 9 + 9?")
    await chat.part("composer").fill("What is 6 + 6?")
    await chat.part("stop-and-send").click()
    await expect(chat.prompts).to_have_count(3, timeout=ANSWER_MS)
    await expect(chat.prompts.last.locator(".bubble")).to_have_text("What is 4 + 4?")
    await expect(chat.part("composer")).to_have_value("What is 9 + 9?")
    await chat.ended()
    # The tab that would send it is closed: another one, which was there before, does.
    other = await open_chat(f"/c/{chat.conversation_id}", context=chat.context)
    other.complaints.expected += chat.complaints.expected
    await chat.ask(count_to(ENDLESS), wait=False)
    await other.begun("20, 21")
    await queue(chat, "What is 1 + 1?")
    await expect(other.part("queued")).to_have_count(1)
    await chat.page.route("**/cancel", lambda route: route.abort())
    await chat.part("queue-now").click()
    await expect(chat.part("problem")).to_be_visible()  # it could not be stopped
    await chat.page.close()
    await other.part("stop").click()
    await expect(other.prompts.last.locator(".bubble")).to_have_text("What is 1 + 1?")
    await other.ended()
    # The conversation is deleted elsewhere: all of it is in a new chat.
    await other.ask(count_to(ENDLESS), wait=False)
    await other.begun("20, 21")
    await queue(other, "What is 2 + 2?")
    await other.part("composer").fill("half a thought")
    async with elsewhere(stack) as client:
        await client.delete(f"/api/v1/conversations/{other.conversation_id}")
    await expect(other.part("error-card")).to_contain_text("What you were writing is in a new chat.")
    await other.part("error-card").get_by_role("button", name="New chat").click()
    await expect(other.part("composer")).to_have_value(re.compile("What is 2 . 2"))
    await expect(other.part("composer")).to_have_value(re.compile("half a thought"))
    await expect(other.part("queue")).to_have_count(0)


async def test_a_conversation_has_settings_of_its_own_and_a_cut_answer_goes_on(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 7 + 7?")
    await expect(chat.part("chat-settings")).to_have_count(0)  # it has none
    await chat.add("settings")
    await chat.part("cs-system-prompt").fill("Answer in short.")
    await chat.part("cs-temperature").fill("3")
    await chat.part("cs-maxTokens").fill("5")
    await chat.part("cs-save").click()
    await expect(chat.page.get_by_role("dialog")).to_be_visible()  # out of range: it is not taken
    await chat.part("cs-temperature").fill("0.5")
    await chat.part("cs-save").click()
    await expect(chat.page.get_by_role("dialog")).to_have_count(0)
    await chat.page.reload()
    await expect(chat.answers).to_have_count(1)
    await expect(chat.part("chat-settings")).to_be_visible()
    sent: list[Request] = []
    chat.page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    await chat.ask(count_to(60))
    (asked,) = [request.post_data_json for request in sent if request.url.endswith("/messages")]
    assert asked is not None
    assert asked["instructions"] == "Answer in short."
    assert (asked["temperature"], asked["max_tokens"]) == (0.5, 5)
    await expect(chat.answer).to_contain_text("longest length")
    await chat.part("continue").click()
    await expect(chat.prompts).to_have_count(3)
    await expect(chat.prompts.last.locator(".bubble")).to_have_text("Continue exactly where you stopped.")
    await chat.ended()


async def test_two_models_are_compared_side_by_side(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(40))
    await chat.part("other-models").click()
    await chat.part("compare-with").filter(has_text=SECOND).click()
    both = chat.part("compare-answer")
    await expect(both).to_have_count(2)
    await expect(both.last).to_have_attribute("data-status", "completed", timeout=ANSWER_MS)
    for each in (both.first, both.last):
        await expect(each.locator(".prose")).to_contain_text("39, 40")
        await expect(each).to_be_visible()
    await chat.page.set_viewport_size(PHONE)
    await expect(both.first).not_to_be_visible()
    await chat.part("compare-tab").first.click()
    await expect(both.last).not_to_be_visible()
    await chat.part("compare-tab").last.click()
    await both.last.get_by_test_id("compare-pick").click()
    await expect(chat.part("compare")).to_have_count(0)
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    await chat.ask("What is 8 + 8?")
    await expect(chat.answers).to_have_count(2)
    await expect(chat.answers.first.get_by_test_id("branch-count")).to_have_text("2/2")
    # Another model instead of this one.
    await chat.answer.get_by_test_id("other-models").click()
    await chat.part("regenerate-with").first.click()
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    await chat.ended()


async def test_a_chat_has_its_settings_before_its_first_prompt(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.add("settings")
    await chat.part("cs-system-prompt").fill("Answer in short.")
    await chat.part("cs-temperature").fill("0.5")
    await chat.part("cs-maxTokens").fill("50")
    await chat.part("cs-save").click()
    await expect(chat.page.get_by_role("dialog")).to_have_count(0)
    await chat.page.reload()  # they are kept with the draft
    await chat.part("chat-settings").click()
    await expect(chat.part("cs-system-prompt")).to_have_value("Answer in short.")
    await chat.dialog_has_focus()
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_role("dialog")).to_have_count(0)
    await expect(chat.part("chat-settings")).to_be_focused()
    sent: list[Request] = []
    chat.page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    await chat.ask("What is 6 + 7?")
    (asked,) = [request.post_data_json for request in sent if request.url.endswith("/messages")]
    assert asked is not None
    assert asked["instructions"] == "Answer in short."
    assert (asked["temperature"], asked["max_tokens"]) == (0.5, 50)
    async with elsewhere(stack) as client:
        kept = (await client.get(f"/api/v1/conversations/{chat.conversation_id}")).json()["settings"]
    assert kept == {"systemPrompt": "Answer in short.", "temperature": 0.5, "maxTokens": 50}
    await chat.page.reload()
    await chat.part("chat-settings").click()
    await expect(chat.part("cs-temperature")).to_have_value("0.5")
    await chat.dialog_has_focus()
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_role("dialog")).to_have_count(0)
    await expect(chat.part("chat-settings")).to_be_focused()
    # The next new chat has none of them.
    await chat.part("new-chat").click()
    await expect(chat.part("chat-settings")).to_have_count(0)


async def test_two_models_are_asked_at_once(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.add("second")
    await chat.part("second-option").filter(has_text=SECOND).click()
    await expect(chat.part("second")).to_contain_text(SECOND)
    await expect(chat.part("composer")).to_be_focused()
    await chat.ask(count_to(40), wait=False)
    both = chat.part("compare-answer")
    await expect(both).to_have_count(2)
    for each in (both.first, both.last):
        await expect(each).to_have_attribute("data-status", "completed", timeout=ANSWER_MS)
        await expect(each.locator(".prose")).to_contain_text("39, 40")
    await both.last.get_by_test_id("compare-pick").click()
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    # In the same chat the next prompt goes to both again, whichever was chosen, until one of them is left out.
    await chat.ask("What is 9 + 8?", wait=False)
    await expect(both).to_have_count(2)
    await expect(both.first.get_by_role("heading")).to_have_text(SECOND)
    await expect(both.last).to_have_attribute("data-status", "completed", timeout=ANSWER_MS)
    await both.first.get_by_test_id("compare-pick").click()
    await chat.part("second-remove").click()
    await expect(chat.part("second")).to_have_count(0)
    await chat.ask("What is 9 + 9?")
    await expect(chat.part("compare")).to_have_count(0)
    await expect(chat.prompts).to_have_count(3)
    await expect(chat.part("branch-count")).to_have_text(["2/2", "1/2"])


async def test_what_the_plus_offers_is_reached_by_keys(open_chat: OpenChat) -> None:
    chat = await open_chat(user="plus")
    page = chat.page
    chosen: list[FileChooser] = []
    page.on("filechooser", lambda chooser: chosen.append(chooser))
    await chat.part("add").focus()
    await page.keyboard.press("ArrowDown")
    await expect(chat.part("add-file")).to_be_focused()
    await page.keyboard.press("Enter")
    await eventually(lambda: len(chosen) == 1)
    await chosen[0].set_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"All is well."})
    await expect(page.locator(".pastes li")).to_contain_text("notes.txt: All is well.")
    await page.get_by_role("button", name="Remove this text").click()
    await chat.part("add").focus()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("End")
    await expect(chat.part("add-temporary")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(chat.part("temporary-note")).to_be_visible()
    await chat.part("add").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(chat.part("add")).to_be_focused()
    # Whoever has no snippet is shown where they are made; else they are listed.
    await chat.add("snippet")
    await expect(chat.part("snippet-new")).to_be_visible()
    await chat.part("snippet-new").click()
    await chat.part("snippet-name").fill("greet")
    await chat.part("snippet-text").fill("Good morning to all of you.")
    await chat.part("snippet-save").click()
    await chat.part("new-chat").click()
    await chat.part("composer").fill("Say:")
    await chat.add("snippet")
    await chat.part("snippet-option").click()
    await expect(chat.part("composer")).to_have_value("Say: Good morning to all of you.")


async def test_files_are_taken_as_text_or_refused_and_never_opened(open_chat: OpenChat) -> None:
    chat = await open_chat()
    drop = """([name, bytes, type]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      const event = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector('.scroller').dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert await chat.evaluate(drop, ["notes.txt", list("Grüße an alle".encode()), "text/plain"])
    await expect(chat.page.locator(".pastes li")).to_contain_text("notes.txt: Grüße an alle")
    assert await chat.evaluate(drop, ["picture.png", [137, 80, 78, 71, 0, 255], "image/png"])
    await expect(chat.page.locator(".toast")).to_contain_text("Files cannot be attached yet.")
    await expect(chat.page.locator(".pastes li")).to_have_count(1)
    # What is copied from a table comes with a picture of it: its text is pasted.
    paste = """() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array([137, 80])], 'image.png', { type: 'image/png' }));
      data.setData('text/plain', 'one\\ttwo');
      const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
      document.querySelector('[data-testid=composer]').dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert not await chat.evaluate(paste)


async def test_a_temporary_chat_is_in_no_list_and_ends_when_one_leaves_it(open_chat: OpenChat, stack: Stack) -> None:
    chat = await open_chat()
    await chat.part("temporary").click()
    await expect(chat.part("temporary-note")).to_contain_text("Not shown or used again")
    await chat.ask("What is 11 + 11?")
    await expect(chat.part("temporary-note")).to_be_visible()
    conversation = chat.conversation_id
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{conversation}']")
    await expect(row).to_have_count(0)
    async with chat.page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
        await chat.part("new-chat").click()
    assert (await ended.value).status == 204
    await expect(row).to_have_count(0)
