"""The page in a real Chromium, on the whole product, started the way a user starts it.

Set WEB_STACK to the state folder of a running stack (`./verbatim up --detach --state DIR`) to use that one while
developing; tests that kill a process do so there too. Pictures of the pages are kept in tests/web/pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ViewportSize, async_playwright, expect

from infra.cli.browser_path import browser_path
from tests.e2e.stack import Stack, running_stack
from tests.oidc_issuer import AUDIENCE, CLIENT, SECRET, TestIssuer, served
from tests.web.chat_page import WATCH, ChatPage, Complaints
from tests.web.page_state import FAILED, Requests, shown
from tests.web.page_state import pytest_runtest_makereport as pytest_runtest_makereport

PICTURES = Path(__file__).parent / "pictures"
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 780}
PATIENCE_MS = 45_000

# Playwright's list.
SWITCHED_OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
)
POPUPS = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup")

OpenChat = Callable[..., Awaitable[ChatPage]]


@pytest.fixture(scope="package")
def issuer() -> Iterator[TestIssuer]:
    """An issuer on this machine, by which the stack's users may sign in."""
    with served(TestIssuer()) as running:
        yield running


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, issuer: TestIssuer) -> Iterator[Stack]:
    """One stack for all of them."""
    running = os.environ.get("WEB_STACK")
    if running:
        yield Stack(Path(running), 0)
        return
    trusted: dict[str, Any] = {"name": "local", "label": "Local ID", "issuer": issuer.address, "client_id": CLIENT}
    trusted |= {"client_secret": SECRET, "audiences": [AUDIENCE], "create_users": True}
    settings = {"VERBATIM_API__ISSUERS": json.dumps([trusted])}
    with running_stack(tmp_path_factory.mktemp("web"), settings=settings, kept=False) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=[without_address_bar()])
        yield browser
        await browser.close()


def without_address_bar() -> str:
    """The option of a Chromium whose windows draw nothing below their address bar, which no test sees: a quarter of its
    work for a page. Playwright's own list is in it, as the last one counts."""
    return f"--disable-features={','.join([*SWITCHED_OFF, *POPUPS])}"


def key_of(stack: Stack, user: str) -> str:
    """A key of another user than the first."""
    made = stack.verbatim("key", "create", "--user", user)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def session_of(stack: Stack, key: str) -> tuple[str, str]:
    """The cookie's name and value."""
    answer = httpx.post(f"{stack.url}/api/v1/session", json={"key": key}, headers={"X-Verbatim-CSRF": "1"})
    assert answer.status_code == 200, answer.text
    ((name, value),) = answer.cookies.items()
    return name, value


@pytest.fixture(scope="package")
def cookie(stack: Stack) -> tuple[str, str]:
    """The session of the stack's first user."""
    return session_of(stack, stack.key)


@pytest_asyncio.fixture(loop_scope="session")
async def open_chat(
    stack: Stack, chromium: Browser, cookie: tuple[str, str], request: pytest.FixtureRequest
) -> AsyncIterator[OpenChat]:
    """Opens a page in a browser of its own, or, with `context`, in another tab of one. What a test leaves to its user
    (settings, snippets) it leaves to a `user` of its own. Afterwards none of the pages may have complained, left its
    origin, or met its policy."""
    opened: list[BrowserContext] = []
    pages: list[ChatPage] = []
    asked: list[Requests] = []

    async def open_one(
        path: str = "/",
        *,
        signed_in: bool = True,
        user: str | None = None,
        dark: bool = False,
        phone: bool = False,
        context: BrowserContext | None = None,
    ) -> ChatPage:
        if context is None:
            context = await chromium.new_context(
                viewport=PHONE if phone else WIDE,
                color_scheme="dark" if dark else "light",
                has_touch=phone,
                locale="en-GB",
                reduced_motion="reduce",
                # It answers before a test's routes do; tests/web/test_offline_shell.py is about it.
                service_workers="block",
            )
            opened.append(context)
            context.set_default_timeout(PATIENCE_MS)
            await context.add_init_script(WATCH)
            if signed_in:
                name, value = cookie if user is None else session_of(stack, key_of(stack, user))
                await context.add_cookies(
                    [{"name": name, "value": value, "url": stack.url, "httpOnly": True, "sameSite": "Strict"}]
                )
        page = await context.new_page()
        complaints = Complaints(stack.url, expected=["Service Worker registration blocked by Playwright"])
        complaints.watch(page)
        if not signed_in:
            # Whoever is not signed in is told so, and the browser notes that.
            complaints.expected.append("status of 401")
        pages.append(ChatPage(page, stack.url, complaints))
        asked.append(Requests())
        asked[-1].watch(page)
        await page.goto(stack.url + path)
        there = "settings" if path.startswith("/settings") else "composer"
        await page.get_by_test_id(there if signed_in else "signin-key").wait_for()
        return pages[-1]

    yield open_one
    if request.node.stash.get(FAILED, False):
        for chat, requests in zip(pages, asked, strict=True):
            print(await shown(chat.page, requests, chat.complaints.unexpected))
    for context in opened:
        await context.close()
    assert [line for page in pages for line in page.complaints.unexpected] == []
