"""The page as a test drives it, and what must never happen on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

IN_PAGE = Path(__file__).parent / "in_page"
ANSWER_MS = 100_000
QUIET_S = 0.5
# A page that was refused something says so in its console; nothing else does.
WATCH = """
addEventListener('securitypolicyviolation', (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
_NUMBER = re.compile(r"\d+")


@dataclass
class Complaints:
    """What went wrong on a page by itself. `expected`: parts of lines that this test provokes."""

    origin: str
    said: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Notes console errors, exceptions, dialogs, and requests that leave the origin."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(f"exception: {error}"))
        page.on("request", self._request)

        async def dismiss(dialog: Any) -> None:
            self.said.append(f"dialog: {dialog.message}")
            await dialog.dismiss()

        page.on("dialog", dismiss)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked_for.append(request.url)
        url = urlsplit(request.url)
        if f"{url.scheme}://{url.netloc}" != self.origin and url.scheme not in ("data", "blob"):
            self.said.append(f"request: {request.url}")

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.said if not any(part in line for part in self.expected)]


class ChatPage:
    """One tab. What it is told to do is done the way a user does it."""

    def __init__(self, page: Page, url: str, complaints: Complaints) -> None:
        self.page = page
        self.url = url
        self.complaints = complaints
        self._in_flight: set[Request] = set()
        page.on("request", self._begun)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda request: self._in_flight.discard(request))

    def _begun(self, request: Request) -> None:
        if not request.url.endswith("/api/v1/changes"):  # which ends with the page
            self._in_flight.add(request)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def part(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    @property
    def answers(self) -> Locator:
        return self.page.locator("[data-testid=message][data-role=assistant]")

    @property
    def prompts(self) -> Locator:
        return self.page.locator("[data-testid=message][data-role=user]")

    @property
    def answer(self) -> Locator:
        """The newest one."""
        return self.answers.last

    @property
    def conversation_id(self) -> str:
        return urlsplit(self.page.url).path.removeprefix("/c/")

    async def ask(self, text: str, *, wait: bool = True) -> None:
        """Sends a prompt; waits for the whole answer, or not."""
        await self.part("composer").fill(text)
        await self.part("send").click()
        if wait:
            await self.ended()

    async def ended(self, status: str = "completed") -> None:
        """Waits until the newest answer has come to its end."""
        await expect(self.answer).to_have_attribute("data-status", status, timeout=ANSWER_MS)

    async def begun(self, text: str) -> None:
        """Waits until the newest answer shows this, and is still being written."""
        await expect(self.answer.locator(".prose")).to_contain_text(text, timeout=ANSWER_MS)
        await expect(self.answer).to_have_attribute("data-status", "running")

    async def text(self) -> str:
        """What the newest answer shows."""
        return await self.answer.locator(".prose").inner_text()

    async def numbers(self) -> list[int]:
        """Those of the newest answer: of one that counts, each must be there once."""
        return [int(number) for number in _NUMBER.findall(await self.text())]

    async def sign_in(self, key: str) -> None:
        """By the card that is on the page."""
        await self.part("signin-key").fill(key)
        await self.part("signin-submit").click()
        await expect(self.part("signin-key")).not_to_be_visible()

    async def expire(self) -> None:
        """The server no longer knows this browser. Requests that the page sends by itself are waited for first."""
        quiet_polls = 0
        async with asyncio.timeout(ANSWER_MS / 1000):
            while quiet_polls < 10:
                quiet_polls = 0 if self._in_flight else quiet_polls + 1
                await asyncio.sleep(QUIET_S / 10)
        await self.context.clear_cookies()

    async def choose(self, conversation: Locator, testid: str) -> None:
        """From the menu of a conversation in the list."""
        await conversation.hover()
        await conversation.locator(".menu-button").click()
        await self.part(testid).click()

    async def add(self, what: str) -> None:
        """From the menu of the "+" beside the field."""
        await self.part("add").click()
        await self.part(f"add-{what}").click()

    async def dialog_has_focus(self) -> None:
        """Only a dialog that is open can be left by a key; which of its fields has the focus is its own matter."""
        await self.page.wait_for_function("() => document.activeElement?.closest('dialog, [role=dialog]')")

    async def show_down_to(self, row: Locator) -> None:
        """As much of the list as it takes to show this row of it. A button that loads is not pressed again."""
        more = self.page.locator(".list button.quiet.wide")
        while True:
            await expect(row.or_(more.and_(self.page.locator(":enabled"))).first).to_be_attached()
            if await row.count():
                return
            rows = await self.part("conversation-item").count()
            await more.click()
            await expect(self.part("conversation-item")).not_to_have_count(rows)

    async def rename(self, conversation: Locator, title: str) -> None:
        """From its menu in the list; done when the dialog is gone. Until then every key goes into the dialog."""
        await self.choose(conversation, "rename")
        await self.part("rename-title").fill(title)
        await self.part("rename-save").click()
        await expect(self.part("rename-title")).to_have_count(0)

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)

    async def run(self, name: str, *arguments: Any) -> Any:
        """Runs a script of the folder in_page, a function of what it is given."""
        script = (IN_PAGE / f"{name}.js").read_text()
        return await self.page.evaluate(script[script.index("\n") :], list(arguments))

    async def modules(self, *paths: str) -> list[str]:
        """The addresses of some of the page's own modules."""
        main = str(await self.evaluate("() => document.querySelector('script[type=module]').src"))
        return [main.replace("main.js", path) for path in paths]


def count_to(last: int) -> str:
    """A prompt whose answer is the numbers from 1: about 80 a second."""
    return f"Count from 1 to {last}"


def numbers_to(last: int) -> Sequence[int]:
    """What such an answer holds."""
    return list(range(1, last + 1))
