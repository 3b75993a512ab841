"""The page in each of its languages: it fits, reads in the right direction, and says nothing in English."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from api.page.files import FOLDER
from tests.unit.api.page_texts import Message, messages_of
from tests.web.chat_page import ChatPage
from tests.web.conftest import PHONE, PICTURES, WIDE, OpenChat

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

WORDS = FOLDER / "words"
LANGUAGES = sorted(folder.name for folder in WORDS.iterdir())
RIGHT_TO_LEFT = {"ar"}
SIZES = {"desktop": WIDE, "phone": PHONE}
# The page takes over the server's settings, which have no language for this user: so it is set before each load.
CHOOSE = "if (sessionStorage.spoken) localStorage.setItem('verbatim.language', sessionStorage.spoken)"
SECTIONS = ("prompts", "data", "account", "keys", "usage")


def words(language: str) -> dict[str, Message]:
    files = [(WORDS / language / name).read_text() for name in ("page.js", "more.js")]
    return messages_of(files[0]) | messages_of(files[1])


def texts(language: str) -> set[str]:
    """All that it says that is the same each time."""
    return {text for message in words(language).values() for text in message.forms.values() if "{" not in text}


class Speaking:
    """The page in one language, and what was wrong with it."""

    def __init__(self, chat: ChatPage, language: str) -> None:
        self.chat, self.language = chat, language
        self.words = words(language)
        self.foreign = texts("en") - texts(language)
        self.wrong: dict[str, list[Any]] = {}

    def says(self, name: str) -> str:
        return self.words[name].forms[""]

    async def begin(self) -> None:
        """The page is loaded in it."""
        await self.chat.evaluate("(chosen) => (sessionStorage.spoken = chosen)", self.language)
        await self.chat.page.goto(f"{self.chat.url}/")
        await expect(self.chat.part("composer")).to_have_attribute("aria-label", self.says("composer.label"))
        root = self.chat.page.locator("html")
        await expect(root).to_have_attribute("lang", self.language)
        await expect(root).to_have_attribute("dir", "rtl" if self.language in RIGHT_TO_LEFT else "ltr")

    async def sized(self, size: str) -> None:
        await self.chat.page.set_viewport_size(SIZES[size])

    async def look(self, situation: str, size: str) -> None:
        """At what is shown now."""
        found = [*await self.chat.run("cut_off"), *await self.chat.run("cut_words")]
        found += [f"in English: {text}" for text in await self.chat.run("said") if text in self.foreign]
        if found:
            self.wrong[f"{self.language} {situation} {size}"] = found
        if situation in ("menu", "settings-general"):
            await self.chat.page.screenshot(path=PICTURES / f"language-{self.language}-{situation}-{size}.png")

    async def look_at_each_size(self, situation: str) -> None:
        for size in SIZES:
            await self.sized(size)
            await self.look(situation, size)
        await self.sized("desktop")


async def a_chat(page: Speaking) -> None:
    await expect(page.chat.answers).to_have_count(1)
    await expect(page.chat.part("new-chat")).to_have_text(page.says("new-chat"))
    await expect(page.chat.part("regenerate")).to_be_visible()
    await page.look_at_each_size("chat")
    await page.chat.part("composer").fill("one\ntwo\nthree")
    await page.look_at_each_size("composer")
    await page.chat.part("composer").fill("")


async def a_menu_of_the_list(page: Speaking) -> None:
    chat = page.chat
    row = chat.part("conversation-item").first
    for size in SIZES:
        await page.sized(size)
        if size == "phone":
            await chat.page.get_by_role("button", name=page.says("list.show"), exact=True).click()
        await row.hover()
        await row.locator(".menu-button").click()
        await expect(chat.part("delete")).to_have_text(page.says("row.delete"))
        await page.look("menu", size)
        await chat.page.keyboard.press("Escape")
        await expect(chat.part("delete")).to_have_count(0)
    await chat.page.keyboard.press("Escape")
    await page.sized("desktop")


async def the_list_of_keys(page: Speaking) -> None:
    await page.chat.part("help").click()
    dialog = page.chat.page.get_by_role("dialog", name=page.says("shortcuts.title"))
    await expect(dialog).to_be_visible()
    await page.look_at_each_size("keys")
    await page.chat.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def the_log(page: Speaking) -> None:
    await page.chat.part("toggle-log").click()
    await expect(page.chat.part("timeline")).to_contain_text(page.says("log.ended"))
    await page.look_at_each_size("log")
    await page.chat.part("log-close").click()


async def the_settings(page: Speaking) -> None:
    chat = page.chat
    await chat.part("settings-link").click()
    await expect(chat.page.locator("#settings-heading")).to_have_text(page.says("settings.general"))
    await expect(chat.part("settings").locator(".skeleton")).to_have_count(0)
    await page.look_at_each_size("settings-general")
    # The others where there is the least room.
    await page.sized("phone")
    for section in SECTIONS:
        await chat.part(f"settings-{section}").click()
        title = page.says(f"settings.{section}")
        await expect(chat.page.locator("#settings-heading")).to_have_text(title)
        await expect(chat.part("settings").locator(".skeleton")).to_have_count(0)
        await page.look(f"settings-{section}", "phone")
    await page.sized("desktop")


@pytest.mark.slow("it reads the page in each language, in its main situations and two sizes")
async def test_the_page_fits_in_each_of_its_languages(open_chat: OpenChat) -> None:
    chat = await open_chat(user="polyglot")
    await chat.ask("What is 1 + 1?")
    path = f"/c/{chat.conversation_id}"
    await chat.page.add_init_script(CHOOSE)
    wrong: dict[str, list[Any]] = {}
    for language in LANGUAGES:
        page = Speaking(chat, language)
        await page.begin()
        await expect(chat.page.get_by_role("heading", name=page.says("start.greeting"))).to_be_visible()
        await page.look_at_each_size("start")
        await chat.page.locator(f"a[href='{path}']").click()
        await a_chat(page)
        await a_menu_of_the_list(page)
        await the_list_of_keys(page)
        await the_log(page)
        await the_settings(page)
        wrong |= page.wrong
    assert wrong == {}, wrong
