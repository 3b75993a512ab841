"""Open WebUI as a judge: at its default settings it talks to an installation, as its users do.

Its page is driven in a real Chromium: a chat, and one that is stopped. Pictures and files go by its own API.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, async_playwright

from infra.cli.browser_path import browser_path
from tests.eventually import eventually
from tests.judging.environment import Judged

START_S = 180.0
WAIT_S = 60.0
QUIET_S = 3.0
"""So long an answer that was stopped must not grow."""
_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_ENDS_EARLY = "[[pace 5]] [[count 500]]"


class OpenWebUi:
    """One that runs, with its first user signed in."""

    def __init__(self, client: httpx.Client, token: str, judged: Judged) -> None:
        self.client, self.token, self.judged = client, token, judged
        self.version = str(client.get("/api/version").json()["version"])

    def says(self, content: Any, **more: Any) -> str:
        """Its whole answer to one message, by its API."""
        asked = {"model": self.judged.model, "messages": [{"role": "user", "content": content}], **more}
        answer = self.client.post("/api/chat/completions", json=asked)
        assert answer.status_code == 200, answer.text[:300]
        return answer.text

    def running(self) -> int:
        """How many answers the judged installation is making."""
        headers = {"Authorization": f"Bearer {self.judged.key}"}
        answer = httpx.get(f"{self.judged.root}/api/v1/pulse", headers=headers, timeout=WAIT_S)
        assert answer.status_code == 200, "the key of an operator is needed"
        return int(answer.json()["running"])


def _whole(webui: OpenWebUi) -> None:
    assert "Hello there" in webui.says("[[quote Hello there]]")


def _streams(webui: OpenWebUi) -> None:
    asked = {
        "model": webui.judged.model,
        "stream": True,
        "messages": [{"role": "user", "content": "[[quote Hello there]]"}],
    }
    with webui.client.stream("POST", "/api/chat/completions", json=asked) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data:")]
    assert lines[-1] == "data: [DONE]"
    deltas = [json.loads(line[5:])["choices"] for line in lines[:-1]]
    assert "".join(each[0]["delta"].get("content") or "" for each in deltas if each) == "Hello there"


def _sees(webui: OpenWebUi) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PICTURE}"}}
    assert "[image: image/png" in webui.says([{"type": "text", "text": "What is this?"}, picture])


def _reads_a_file(webui: OpenWebUi) -> None:
    text = "The launch is on Tuesday. " * 40
    made = webui.client.post("/api/v1/files/?process=true", files={"file": ("plan.txt", text.encode(), "text/plain")})
    assert made.status_code == 200, made.text[:300]
    file = made.json()["id"]

    async def done() -> str:
        status = webui.client.get(f"/api/v1/files/{file}/process/status").json()["status"]
        assert status in ("completed", "failed")
        return str(status)

    async def ended() -> str:
        status: str = await eventually(done, WAIT_S)
        return status

    assert asyncio.run(ended()) == "completed"
    found = webui.says("When is the launch?", files=[{"type": "file", "id": file}])
    assert "The launch is on Tuesday" in json.dumps(json.loads(found)["sources"])


async def _chats(webui: OpenWebUi, page: Page) -> None:
    await _send(page, "[[quote Hello from the page]]")
    answer = page.locator(".chat-assistant").get_by_text("Hello from the page")
    await answer.first.wait_for(timeout=WAIT_S * 1000)


async def _stops(webui: OpenWebUi, page: Page) -> None:
    """The answer ends on both sides: its text stays and grows no more, and nobody makes it any longer."""
    await _send(page, _ENDS_EARLY)
    answer = page.locator(".chat-assistant").last

    async def grows() -> bool:
        return "5" in await answer.inner_text()

    grew: bool = await eventually(grows, WAIT_S)
    assert grew
    assert await asyncio.to_thread(webui.running) == 1
    await page.locator("button[aria-label='Stop']").first.click()

    async def ended() -> bool:
        return await asyncio.to_thread(webui.running) == 0

    over: bool = await eventually(ended, WAIT_S)
    assert over
    before = await answer.inner_text()
    await asyncio.sleep(QUIET_S)
    after = await answer.inner_text()
    assert before == after, "the stopped answer still grows"
    assert "5" in after, "the text of the stopped answer is gone"
    await _send(page, "[[quote Still here]]")
    await page.locator(".chat-assistant").get_by_text("Still here").first.wait_for(timeout=WAIT_S * 1000)


async def _send(page: Page, text: str) -> None:
    """Its field is empty once a message is taken; before its socket is there it takes none, and does not say so."""
    field = page.locator("#chat-input")

    async def taken() -> bool:
        if text not in await field.inner_text():
            await field.fill(text)
        await field.press("Enter")
        await asyncio.sleep(1)
        return text not in await field.inner_text()

    sent: bool = await eventually(taken, WAIT_S)
    assert sent


BY_ITS_API: dict[str, Callable[[OpenWebUi], None]] = {
    "a whole answer": _whole,
    "a stream": _streams,
    "a picture": _sees,
    "a file": _reads_a_file,
}
IN_ITS_PAGE: dict[str, Callable[[OpenWebUi, Page], Awaitable[None]]] = {"a chat": _chats, "stopping an answer": _stops}


def judge_by_open_webui(judged: Judged, program: Path, folder: Path) -> tuple[str, int, tuple[str, ...]]:
    """Its version, how many of its checks passed, and what failed. `program`: the installed `open-webui`.

    Raises OSError if it cannot be started, and AssertionError if it does not come up.
    """
    failed = []
    with _running(judged, program, folder) as webui:
        for name, check in BY_ITS_API.items():
            try:
                check(webui)
            except (AssertionError, httpx.HTTPError, KeyError, ValueError) as error:
                failed.append(f"{name}: {str(error) or type(error).__name__}")
        failed += asyncio.run(_in_its_page(webui))
    return webui.version, len(BY_ITS_API) + len(IN_ITS_PAGE) - len(failed), tuple(failed)


async def _in_its_page(webui: OpenWebUi) -> list[str]:
    failed = []
    async with _page(webui) as page:
        for name, check in IN_ITS_PAGE.items():
            try:
                await check(webui, page)
            except Exception as error:  # whatever its page does is a finding, and the others go on
                failed.append(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    return failed


@asynccontextmanager
async def _page(webui: OpenWebUi) -> AsyncIterator[Page]:
    # Its news would lie over the page.
    seen = {"ui": {"showChangelog": False, "version": webui.version}}
    webui.client.post("/api/v1/users/user/settings/update", json=seen)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        context = await browser.new_context(locale="en-US", viewport={"width": 1200, "height": 800})
        kept = {"token": webui.token, "version": webui.version, "locale": "en-US"}
        for name, value in kept.items():
            await context.add_init_script(f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})")
        page = await context.new_page()
        page.set_default_timeout(WAIT_S * 1000)
        address = f"{webui.client.base_url}/?models={webui.judged.model}"
        await page.goto(address, wait_until="domcontentloaded")
        await page.locator("#chat-input").wait_for()
        await page.keyboard.press("Escape")
        try:
            yield page
        finally:
            await browser.close()


@contextmanager
def _running(judged: Judged, program: Path, folder: Path) -> Iterator[OpenWebUi]:
    data = folder / "data"
    data.mkdir()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
        "DATA_DIR": str(data),
        "WEBUI_SECRET_KEY": secrets.token_hex(16),
        "OPENAI_API_BASE_URL": judged.url,
        "OPENAI_API_KEY": judged.key,
        "ENABLE_OLLAMA_API": "false",
        # Its own default downloads a model.
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_EMBEDDING_MODEL": "verbatim-embedding",
        "RAG_OPENAI_API_BASE_URL": judged.url,
        "RAG_OPENAI_API_KEY": judged.key,
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(program), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "open-webui.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            asyncio.run(_up(client, process))
            first = {"name": "judge", "email": "judge@example.com", "password": secrets.token_urlsafe(16) + "aA1!"}
            token = client.post("/api/v1/auths/signup", json=first).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield OpenWebUi(client, token, judged)
    finally:
        process.terminate()
        process.wait(WAIT_S)


async def _up(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    async def answers() -> bool:
        ended = process.poll() is not None
        return ended or (await asyncio.to_thread(client.get, "/health")).status_code == 200

    told: bool = await eventually(answers, START_S)
    assert told
    if process.poll() is not None:
        raise OSError(f"Open WebUI ended with {process.returncode}")
