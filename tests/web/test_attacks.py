"""Whatever a model, a prompt or a title says, the page shows it and does nothing."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.web.attacks import ATTACKS, LEAK
from tests.web.chat_page import ChatPage
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


WHOLE = "\n\n".join(ATTACKS.values())


async def nothing_happened(chat: ChatPage) -> None:
    assert await chat.run("wrong_elements") == []
    assert [url for url in chat.complaints.asked_for if LEAK in url] == []
    assert chat.complaints.unexpected == []


async def test_the_whole_table_is_harmless_streamed_and_at_once(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.run("render_all", *await chat.modules("stream.js", "markdown.js"), list(ATTACKS.values()))
    await expect(chat.page.locator(".katex").first).to_be_attached()
    await nothing_happened(chat)


@pytest.mark.slow("a browser shows hundreds of attacks")
async def test_an_answer_full_of_attacks_is_shown_and_nothing_else(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(f"Repeat: {WHOLE}")
    await expect(chat.answer.locator(".prose")).to_contain_text("<script>window.struck = 1</script>")
    await expect(chat.answer.locator(".prose")).to_contain_text("⟨U+202E⟩")
    await expect(chat.answer.locator(".katex").first).to_be_attached()
    await nothing_happened(chat)
    await chat.page.reload()
    await expect(chat.answer.locator(".prose")).to_contain_text("<script>window.struck = 1</script>")
    await expect(chat.answer.locator(".katex").first).to_be_attached()
    await nothing_happened(chat)
    # Where it is only quoted: the list, the title, what is found.
    await chat.part("conversation-search").fill("window.struck")
    await expect(chat.part("conversation-item").first.locator("mark").first).to_be_visible()
    await nothing_happened(chat)


async def test_a_title_is_only_a_title(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    title = "<img src=x onerror=window.struck=1> \u202egnp.exe"
    await chat.rename(row, title)
    await expect(row.locator(".row-name")).to_have_text("<img src=x onerror=window.struck=1> ⟨U+202E⟩gnp.exe")
    await chat.choose(row, "delete")
    await expect(chat.part("toast")).to_contain_text("⟨U+202E⟩gnp.exe")
    await nothing_happened(chat)


async def test_a_press_on_a_link_opens_it_without_us(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(f"Repeat: [out]({chat.url}/schemas/types?{LEAK})")
    async with chat.context.expect_page() as opened:
        await chat.answer.get_by_role("link", name="out").click()
    page = await opened.value
    assert await page.evaluate("() => [window.opener, document.referrer]") == [None, ""]
    assert chat.page.url.startswith(f"{chat.url}/c/")
