"""Talking, on the page: sending, stopping, what can be done with an answer and with a conversation."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.async_api import Response, expect

from tests.web.chat_page import ANSWER_MS, count_to, numbers_to
from tests.web.conftest import OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MARKDOWN = r"""Repeat: # A short tour

Some *emphasis*, **strong**, `code`, a [link](https://example.com/x) and \(e^{i\pi}+1=0\). It costs $4 or $5.

| Model | Tokens | Price |
|:------|-------:|:-----:|
| local | 1,024 | $0.10 |

- one
  1. nested

```python
def hello(name: str) -> str:
    return f"Hello {name}"
```

$$
\int_0^1 x^2 \, dx = \frac{1}{3}
$$"""


async def test_a_first_prompt_begins_a_conversation(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(60))
    assert await chat.numbers() == numbers_to(60)
    await expect(chat.page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))
    await expect(chat.part("cost")).to_have_count(0)
    await chat.part("cost-show").click()
    await expect(chat.part("cost")).to_have_text(re.compile(r"^verbatim-local · \d+ tokens · < \$0\.01$"))
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await expect(row).to_contain_text("Count from 1 to 60")
    await expect(chat.page).to_have_title("Count from 1 to 60 – Verbatim")
    await expect(chat.part("composer")).to_have_value("")


async def test_markdown_is_shown_as_it_is_meant(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(MARKDOWN)
    prose = chat.answer.locator(".prose")
    await expect(prose.locator("h1")).to_have_text("A short tour")
    await expect(prose.locator("td.ta-right")).to_have_text("1,024")
    await expect(prose.locator("ul ol li")).to_have_text("nested")
    await expect(prose.locator(".katex")).to_have_count(2)
    await expect(prose.locator("p").first).to_contain_text("$4 or $5")
    await expect(prose.locator(".hljs-keyword").first).to_have_text("def")
    link = prose.get_by_role("link", name="link")
    assert await link.get_attribute("rel") == "noopener noreferrer"
    assert await link.get_attribute("target") == "_blank"


async def test_what_is_copied_is_the_source(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    await chat.ask(MARKDOWN)
    # The page may not read the clipboard, and need not: it is pasted.
    await chat.part("copy-code").click()
    await expect(chat.part("copy-code")).to_have_text("Copied")
    await chat.part("composer").press("Control+v")
    await expect(chat.part("composer")).to_have_value('def hello(name: str) -> str:\n    return f"Hello {name}"\n')
    await chat.part("composer").fill("")
    await chat.answer.get_by_test_id("copy").click()
    await expect(chat.answer.get_by_role("button", name="Copied")).to_be_visible()
    await chat.part("composer").press("Control+v")
    await expect(chat.part("composer")).to_have_value(MARKDOWN.removeprefix("Repeat: "))


async def test_an_answer_is_stopped_and_the_talk_goes_on(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("30, 31")
    await chat.part("stop").click()
    await chat.ended("cancelled")
    shown = await chat.numbers()
    assert shown[:30] == numbers_to(30)
    assert len(shown) < 3000
    await chat.ask("What is 6 * 7?")
    await expect(chat.answer.locator(".prose")).to_contain_text("42")
    await expect(chat.answers).to_have_count(2)
    await chat.page.reload()
    await expect(chat.answers.first).to_have_attribute("data-status", "cancelled")
    await expect(chat.answers.last.locator(".prose")).to_contain_text("42")


def rated(rating: str) -> Callable[[Response], bool]:
    """Whether an answer is the one to this rating: the answer to an earlier click may still be on its way."""
    return lambda answer: answer.url.endswith("/feedback") and answer.request.post_data_json == {"rating": rating}


async def test_a_thumb_stays(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await chat.part("thumb-up").click()
    await expect(chat.part("thumb-up")).to_have_attribute("aria-pressed", "true")
    await chat.part("thumb-down").click()
    await expect(chat.part("thumb-up")).to_have_attribute("aria-pressed", "false")
    async with chat.page.expect_response(rated("none")):
        pass_over = chat.part("thumb-down")
        await expect(pass_over).to_have_attribute("aria-pressed", "true")
        await pass_over.click()
    async with chat.page.expect_response(rated("up")):
        await chat.part("thumb-up").click()
    await chat.page.reload()
    await expect(chat.part("thumb-up")).to_have_attribute("aria-pressed", "true")
    await expect(chat.part("thumb-down")).to_have_attribute("aria-pressed", "false")


async def test_a_conversation_is_renamed_found_and_deleted(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("Repeat: The quince tree stands behind the café")
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await chat.rename(row, "Trees, 🌳 renamed")
    await expect(row.locator(".row-name")).to_have_text("Trees, 🌳 renamed")
    await expect(chat.page).to_have_title("Trees, 🌳 renamed – Verbatim")
    await chat.part("conversation-search").fill("quince CAFE")
    await expect(chat.part("conversation-item")).to_have_count(1)
    await expect(row.locator("mark").first).to_be_visible()
    await row.locator("a").click()
    await expect(chat.page.locator(".message.found")).to_be_visible()
    await chat.part("conversation-search").fill("")
    await chat.choose(row, "delete")
    await expect(chat.page).to_have_url(f"{chat.url}/")
    await expect(row).to_have_count(0)
    await expect(chat.part("toast")).to_contain_text("“Trees, 🌳 renamed” is deleted.")


async def test_the_chosen_model_answers(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.part("model-picker").click()
    options = chat.part("model-option")
    await expect(options.first).to_contain_text("16.4k context · $0.10 / $0.40 per M tokens")
    await options.filter(has_text="verbatim-local-llmapi").click()
    await chat.ask("What is 2 + 2?")
    await chat.part("cost-show").click()
    await expect(chat.part("cost")).to_contain_text("verbatim-local-llmapi")


async def test_a_refused_prompt_is_a_card_and_another_try_works(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("verbatim refusal test phrase", wait=False)
    await chat.ended("failed")
    await expect(chat.part("error-card")).to_be_visible()
    await chat.prompts.hover()
    await chat.part("edit").click()
    await chat.part("edit-text").fill("What is 3 + 4?")
    await chat.part("edit-save").click()
    await chat.ended()
    await expect(chat.part("error-card")).to_have_count(0)
    await expect(chat.answer.locator(".prose")).to_contain_text("7")


async def test_a_prompt_too_long_is_a_card_and_can_be_written_anew(open_chat: OpenChat) -> None:
    chat = await open_chat()
    chat.complaints.expected.append("status of 400")
    await chat.ask("What is 5 + 5?")
    text = "long " * 30_000
    await chat.ask(text, wait=False)
    # The same again cannot help; it is where it can be shortened, and only there.
    await expect(chat.part("error-card")).to_contain_text("longer than the model can read", timeout=ANSWER_MS)
    await expect(chat.part("retry")).to_have_count(0)
    await expect(chat.part("details")).to_contain_text("maximum context length")
    await expect(chat.prompts).to_have_count(1)
    await expect(chat.part("composer")).to_have_value(text)
    await chat.part("new-chat").click()
    await expect(chat.part("composer")).to_have_value("")
    await chat.page.go_back()
    await expect(chat.part("composer")).to_have_value(text)


async def test_keys_do_what_the_list_of_keys_says(open_chat: OpenChat) -> None:
    chat = await open_chat()
    page = chat.page
    composer = chat.part("composer")
    await expect(composer).to_be_focused()
    await composer.press_sequentially("What is")
    await composer.press("Shift+Enter")
    await composer.press_sequentially("8 * 8?")
    await composer.press("Enter")
    await chat.ended()
    await expect(chat.prompts.locator(".bubble")).to_have_text("What is\n8 * 8?")
    await composer.press("ArrowUp")
    await expect(chat.part("edit-text")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(chat.part("edit-text")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await expect(chat.part("conversation-search")).to_be_focused()
    await page.locator(".scroller").focus()
    await page.keyboard.press("/")
    await expect(composer).to_be_focused()
    await composer.fill(count_to(4000))
    await composer.press("Enter")
    await chat.begun("20, 21")
    await page.keyboard.press("Control+.")
    await chat.ended("cancelled")
    await page.locator(".scroller").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+Shift+O")
    await expect(page).to_have_url(f"{chat.url}/")


async def test_enter_within_an_input_method_sends_nothing(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.part("composer").fill("にほんご")
    await chat.part("composer").dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    await chat.part("composer").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    await expect(chat.part("composer")).to_have_value("にほんご")
    await expect(chat.prompts).to_have_count(0)


async def test_drafts_belong_to_their_conversation(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 9 - 1?")
    await chat.part("composer").fill("half a thought")
    await chat.part("new-chat").click()
    await expect(chat.part("composer")).to_have_value("")
    await chat.page.go_back()
    await expect(chat.part("composer")).to_have_value("half a thought")
    await chat.page.reload()
    await expect(chat.part("composer")).to_have_value("half a thought")


async def test_a_long_paste_is_set_apart(open_chat: OpenChat) -> None:
    chat = await open_chat()
    paste = """(text) => {
      const data = new DataTransfer();
      data.setData('text/plain', text);
      const field = document.querySelector('[data-testid=composer]');
      field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }"""
    await chat.evaluate(paste, "word " * 5000)
    await expect(chat.page.locator(".pastes li")).to_contain_text("25,000 characters")
    await chat.page.reload()
    await expect(chat.page.locator(".pastes li")).to_contain_text("25,000 characters")
    await expect(chat.part("composer")).to_have_value("")
    await expect(chat.part("send")).to_be_enabled()


@pytest.mark.slow("an answer grows for longer than a page")
async def test_a_reader_who_scrolled_up_is_left_there(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("Write 600 words", wait=False)
    scroller = chat.page.locator(".scroller")
    at = "(element) => [element.scrollTop, element.scrollHeight - element.clientHeight]"
    await expect(chat.answer.locator("p").nth(5)).to_be_visible(timeout=ANSWER_MS)
    await expect(chat.part("to-latest")).to_have_count(0)
    top, most = await scroller.evaluate(at)
    assert most - top < 60
    await scroller.hover()
    await chat.page.mouse.wheel(0, -400)
    await expect(chat.part("to-latest")).to_be_visible()
    left_at, _ = await scroller.evaluate(at)
    await chat.ended()
    top, most = await scroller.evaluate(at)
    assert top == left_at
    assert most - top > 400
    await chat.part("to-latest").click()
    await expect(chat.part("to-latest")).to_have_count(0)
