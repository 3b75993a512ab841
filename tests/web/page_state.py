"""What a page showed when a test of it failed, in a few lines: whoever reads the gate's output cannot look at it."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Error, Page, Request

from infra.clock import monotonic_s

MAX_SHOWN = 2_000
MAX_REQUESTS = 30
PATIENCE_S = 10
ANSWERED_S = 1
FAILED = pytest.StashKey[bool]()
SHOWN = """() => {
  const line = (text, most = 160) => text.replace(/\\s+/g, ' ').trim().slice(0, most);
  const texts = (selector) => [...document.querySelectorAll(selector)]
    .filter((each) => each.checkVisibility() && each.innerText.trim())
    .map((each) => line(`${each.dataset.testid ?? each.className}: ${each.innerText}`));
  const rows = [...document.querySelectorAll('[data-testid=conversation-item]')];
  const some = rows.slice(0, 4).map((row) => `${row.dataset.id.slice(0, 8)} ${row.innerText}`);
  const focused = document.activeElement;
  return [
    `focus: ${focused?.tagName} ${focused?.dataset?.testid ?? ''} "${line(focused?.value ?? '', 80)}"`,
    `online: ${navigator.onLine}, visible: ${document.visibilityState}, ready: ${document.readyState}`,
    ...texts('[data-testid=error-card], .toast, dialog[open], [role=dialog], [role=alert], [role=status]'),
    ...texts('[data-testid=message]').slice(-3),
    line(`rows: ${rows.length} | ${some.join(' | ')}`, 300),
  ];
}"""
_ID = re.compile(r"([0-9a-f]{8})-[0-9a-f-]{27}")


@dataclass
class Requests:
    """The last requests of a page to its server."""

    _last: deque[tuple[Request, float]] = field(default_factory=lambda: deque(maxlen=MAX_REQUESTS))

    def watch(self, page: Page) -> None:
        """Notes them from now on."""
        page.on("request", self._begun)

    def _begun(self, request: Request) -> None:
        if urlsplit(request.url).path.startswith("/api/"):
            self._last.append((request, monotonic_s()))

    async def line(self) -> str:
        """The last one first, with what became of each."""
        now_s = monotonic_s()
        became = await asyncio.gather(*(_became(request) for request, _ in self._last))
        said = [
            f"{request.method} {_path(request)} {state} ({now_s - begun_s:.0f} s ago)"
            for (request, begun_s), state in zip(self._last, became, strict=True)
        ]
        return f"requests, the last one first: {', '.join(reversed(said))}"


def _path(request: Request) -> str:
    return _ID.sub(r"\1", urlsplit(request.url).path.removeprefix("/api/v1"))


async def _became(request: Request) -> str:
    if request.failure:
        return request.failure
    try:
        async with asyncio.timeout(ANSWERED_S):
            answer = await request.response()
    except (TimeoutError, Error):
        return "no answer"
    return "no answer" if answer is None else str(answer.status)


async def shown(page: Page, requests: Requests, complaints: Sequence[str]) -> str:
    """The page's address, its cards, notes and dialogs, its last messages, the list, and its last requests."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            lines: list[str] = await page.evaluate(SHOWN)
    except (TimeoutError, Error) as broken:
        lines = [f"the page does not answer: {broken}"[:200]]
    said = [f"it said: {line}"[:200] for line in complaints[-3:]]
    return "\n".join([f"page: {page.url}", *lines, *said, await requests.line()])[:MAX_SHOWN]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The fixtures of a test learn whether it has failed: `request.node.stash[FAILED]`."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report
