"""Everybody can use it: axe finds nothing and nothing is cut off, in any colours, at any width, in either direction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.web.chat_page import ChatPage, count_to
from tests.web.conftest import OpenChat
from tests.web.export_files import chatgpt_zip
from tests.web.looks import in_every_look

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SHOWN = """Repeat: # Partitions and order

A record's place is **final**: within one partition a reader sees `offset` after `offset`.

| Topic | Key | Partitions |
|:------|:----|-----------:|
| conversation-events | conversation | 2 |
| token-chunks | generation | 1 |

```python
def place_of(record: Record) -> Place:
    # the log is the truth
    return Place(record.topic, record.partition, record.offset)
```

The mean wait is $$\\bar{w} = \\frac{\\lambda\\,\\overline{x^2}}{2(1 - \\rho)}$$ as long as \\(\\rho < 1\\)."""


async def empty(chat: ChatPage) -> None:
    await expect(chat.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def first_run(chat: ChatPage) -> None:
    await chat.part("about-model").locator("summary").click()
    await expect(chat.part("about-model").locator("pre")).to_be_visible()


async def talk(chat: ChatPage) -> None:
    await chat.ask("How is order kept in the log, and what does it cost to wait?")
    await chat.ask(SHOWN)
    await chat.part("regenerate").last.click()
    await expect(chat.answer.get_by_test_id("branch-count")).to_have_text("2/2")
    await chat.ended()
    await chat.part("thumb-up").last.click()
    await expect(chat.answer.locator(".katex")).to_have_count(2)
    await expect(chat.answer.locator(".hljs-keyword").first).to_be_visible()


async def writing(chat: ChatPage) -> None:
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("20, 21")
    await chat.part("stop").click()
    await chat.ended("cancelled")


async def refused(chat: ChatPage) -> None:
    await chat.ask("verbatim refusal test phrase", wait=False)
    await expect(chat.part("error-card")).to_be_visible()


async def problem(chat: ChatPage) -> None:
    await chat.ask("What is 1 + 1?")
    chat.complaints.expected.append("status of 500")
    said = {"error": {"code": "internal_error", "message": "A bug of ours, in an example of what a server may say."}}
    await chat.page.route("**/feedback", lambda route: route.fulfill(status=500, json=said))
    await chat.part("thumb-up").click()
    await expect(chat.part("problem")).to_be_visible()


async def failed(chat: ChatPage) -> None:
    chat.complaints.expected.append("status of 400")
    await chat.ask("What is 1 + 1?")
    await chat.part("cost-show").click()
    await chat.ask("long " * 30_000, wait=False)
    await expect(chat.part("error-card")).to_be_visible()
    await chat.part("details").locator("summary").click()
    await chat.part("composer").fill("")


async def renaming(chat: ChatPage) -> None:
    await chat.ask("What is 1 + 1?")
    row = chat.page.locator(f"[data-testid=conversation-item][data-id='{chat.conversation_id}']")
    await chat.choose(row, "rename")
    await expect(chat.part("rename-title")).to_be_visible()


async def expired(chat: ChatPage) -> None:
    chat.complaints.expected.append("status of 401")
    await chat.ask("What is 1 + 1?")
    await chat.expire()
    await chat.ask("What is 2 + 2?", wait=False)
    await expect(chat.part("signin-key")).to_be_focused()


async def missing(chat: ChatPage) -> None:
    chat.complaints.expected.append("status of 404")
    await chat.page.goto(f"{chat.url}/c/00000000-0000-4000-8000-000000000000")
    await expect(chat.part("error-card")).to_be_visible()


async def editing(chat: ChatPage) -> None:
    await chat.ask("What is 1 + 1?")
    await chat.prompts.hover()
    await chat.part("edit").click()
    await expect(chat.part("edit-text")).to_be_visible()


async def models(chat: ChatPage) -> None:
    await chat.part("model-picker").click()
    await expect(chat.part("model-option").first).to_be_visible()


async def keys(chat: ChatPage) -> None:
    await chat.page.locator(".scroller").focus()
    await chat.page.keyboard.press("?")
    await expect(chat.page.get_by_role("dialog", name="Keyboard")).to_be_visible()


async def found(chat: ChatPage) -> None:
    await chat.part("conversation-search").fill("partitions order")
    await expect(chat.part("conversation-item").first).to_be_visible()
    await expect(chat.page.get_by_text("Searching…")).to_have_count(0)


async def selecting(chat: ChatPage) -> None:
    await chat.ask("What is 1 + 1?")
    await chat.part("filter-open").click()
    await expect(chat.part("filter-model")).to_be_visible()
    await chat.choose(chat.part("conversation-item").first, "select")
    await expect(chat.part("selection")).to_contain_text("1 selected")


async def adding(chat: ChatPage) -> None:
    await chat.part("add").click()
    await expect(chat.part("add-settings")).to_be_visible()


async def chat_settings(chat: ChatPage) -> None:
    await chat.add("settings")
    await expect(chat.part("cs-system-prompt")).to_be_visible()


async def compare(chat: ChatPage) -> None:
    await chat.add("second")
    await chat.part("second-option").first.click()
    await chat.ask("What is 1 + 1?", wait=False)
    for at in range(2):
        await expect(chat.part("compare-answer").nth(at)).to_have_attribute("data-status", "completed")


async def queue(chat: ChatPage) -> None:
    """What waits, below a conversation in which one looks for words."""
    await chat.ask(count_to(4000), wait=False)
    await chat.begun("20, 21")
    for text in ("What is 1 + 1?", "And what is 2 + 2?"):
        await chat.ask(text, wait=False)
    await expect(chat.part("queued")).to_have_count(2)
    await chat.part("stop").click()
    await chat.ended("cancelled")
    await expect(chat.part("queue")).to_contain_text("not completed")
    await chat.page.keyboard.press("Control+f")
    await chat.part("find-words").fill("20")
    await expect(chat.part("find-count")).not_to_be_empty()


async def log(chat: ChatPage) -> None:
    await chat.ask("How is order kept in the log?")
    await chat.ask(SHOWN)
    await chat.part("toggle-log").click()
    completed = chat.page.locator("[data-testid=log-event][data-type=GenerationCompleted]")
    await completed.last.get_by_role("button").first.click()
    await expect(chat.part("log-payload")).to_be_visible()
    await expect(chat.part("timeline")).to_contain_text("Ended")


async def pulse(chat: ChatPage) -> None:
    await chat.part("pulse-link").click()
    await expect(chat.part("pulse-workers")).to_contain_text("worker")


async def settings(chat: ChatPage) -> None:
    await chat.part("settings-link").click()
    await chat.page.get_by_label("How should it answer?").fill("Be brief.")
    await expect(chat.part("system-prompt-save")).to_be_visible()


async def importing(chat: ChatPage) -> None:
    await chat.part("settings-link").click()
    await chat.part("settings-data").click()
    await chat.part("import-file").set_input_files(
        {"name": "export.zip", "mimeType": "application/zip", "buffer": chatgpt_zip()}
    )
    await expect(chat.part("import-report")).to_be_visible()


SITUATIONS: dict[str, Callable[[ChatPage], Awaitable[None]]] = {
    "empty": empty,
    "first-run": first_run,
    "chat": talk,
    "stopped": writing,
    "refused": refused,
    "problem": problem,
    "failed": failed,
    "renaming": renaming,
    "expired": expired,
    "missing": missing,
    "editing": editing,
    "models": models,
    "keys": keys,
    "found": found,
    "selecting": selecting,
    "adding": adding,
    "chat-settings": chat_settings,
    "compare": compare,
    "queue": queue,
    "log": log,
    "pulse": pulse,
    "settings": settings,
    "import": importing,
}


async def test_signing_in_has_no_findings_in_any_look(open_chat: OpenChat) -> None:
    await in_every_look(await open_chat("/signin", signed_in=False), "signin")


async def test_the_description_of_the_api_has_no_findings_in_any_look(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.page.goto(f"{chat.url}/docs")
    await chat.page.locator("summary").first.click()
    await in_every_look(chat, "docs")


@pytest.mark.slow("axe looks at a page in four of its looks")
@pytest.mark.parametrize("name", SITUATIONS)
async def test_no_situation_has_findings_in_any_look(open_chat: OpenChat, name: str) -> None:
    chat = await open_chat()
    await SITUATIONS[name](chat)
    await in_every_look(chat, name)


@pytest.mark.parametrize(
    ("section", "button"), [("prompts", "snippet-new"), ("account", None), ("keys", "key-create"), ("usage", None)]
)
async def test_no_section_of_the_settings_has_findings_in_any_look(
    open_chat: OpenChat, section: str, button: str | None
) -> None:
    chat = await open_chat(f"/settings/{section}")
    await expect(chat.page.locator("#settings-heading")).to_be_visible()
    await expect(chat.part("settings").locator(".skeleton")).to_have_count(0)
    if button:
        await chat.part(button).click()
    await in_every_look(chat, f"settings-{section}")


async def test_a_phone_has_the_list_in_a_drawer(open_chat: OpenChat) -> None:
    chat = await open_chat(phone=True)
    await chat.ask(SHOWN)
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await chat.evaluate(wide) == 0
    await expect(chat.part("new-chat")).not_to_be_visible()
    await chat.page.get_by_role("button", name="Show the list").tap()
    await chat.part("new-chat").tap()
    await expect(chat.page).to_have_url(f"{chat.url}/")
    await expect(chat.part("new-chat")).not_to_be_visible()


async def test_everything_is_reached_and_named_without_a_mouse(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask("What is 1 + 1?")
    await chat.page.locator(".skip").focus()
    named = "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText.trim()"
    reached = set()
    while await chat.evaluate("() => document.activeElement !== document.body"):
        name = str(await chat.evaluate(named))
        assert name, await chat.evaluate("() => document.activeElement.outerHTML")
        reached.add(name)
        await chat.page.keyboard.press("Tab")
    wanted = {"New chat", "Search conversations", "Dark colours", "Sign out", "Message", "Copy the answer"}
    assert wanted | {"Good answer", "Regenerate", "Edit and ask again", "Model: verbatim-local"} <= reached


async def test_a_screen_reader_hears_of_the_answer_and_not_of_each_word(open_chat: OpenChat) -> None:
    chat = await open_chat()
    await chat.ask(count_to(60), wait=False)
    told = chat.page.locator("[role=status]").filter(has_text="The answer is complete.")
    await expect(told).to_be_attached()
    read_out = chat.page.locator("[aria-live], [role=log], [role=alert], [role=status]").filter(has=chat.answer)
    await expect(read_out).to_have_count(0)


async def test_the_colours_are_kept(open_chat: OpenChat) -> None:
    chat = await open_chat(user="colours")
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = await chat.evaluate(background)
    await chat.part("theme").click()
    dark = await chat.evaluate(background)
    assert dark != light
    await chat.page.reload()
    await chat.part("composer").wait_for()
    assert await chat.evaluate(background) == dark
