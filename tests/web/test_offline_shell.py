"""The service worker: the page opens without its server, whole, of one version, and for who was there before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from playwright.async_api import Browser, BrowserContext, Error, Page, expect

from api.http.providing import provide
from api.page.files import WebFiles, read_folder
from api.page.routes import router
from infra.processes.http_server import Server as HttpServer
from infra.processes.http_server import listening
from tests.eventually import eventually
from tests.web.chat_page import WATCH, Complaints
from tests.web.conftest import PATIENCE_MS, WIDE

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

ANN = {"userId": "7f0c1d1e-0000-4000-8000-000000000001", "userName": "Ann", "operator": False}
FIRST = read_folder()
# The next version: any change is another one. This one also changes what is loaded later.
SECOND = FIRST | {
    "js/settings/page.js": FIRST["js/settings/page.js"] + b"\ndocument.documentElement.dataset.version = 'second';\n"
}
TAKEN_UP = "async () => { await navigator.serviceWorker.ready; return true; }"
KEPT = """async () => {
  const kept = [];
  for (const name of await caches.keys())
    for (const { url } of await (await caches.open(name)).keys()) kept.push([name, new URL(url).pathname]);
  return kept;
}"""


async def nothing_changes() -> AsyncIterator[str]:
    yield 'event: ready\nid: 0\ndata: {"resumed": true}\n\n'
    await asyncio.Event().wait()


class Server:
    """The page's files, in the version that is set, and of the API as little as the page needs to open."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.include_router(router)
        self.show(FIRST)
        self.port = 0
        self.answers: dict[str, Any] = {
            "session": ANN,
            "models": {"data": [], "titles": None},
            "conversations": {"data": [], "nextCursor": None},
            "folders": {"data": []},
            "settings": {"settings": {}},
        }

        @self.app.get("/api/v1/changes")
        async def changes() -> StreamingResponse:
            return StreamingResponse(nothing_changes(), media_type="text/event-stream")

        @self.app.api_route("/api/v1/{name}", methods=["GET", "PATCH"])
        async def answer(name: str, response: Response) -> Any:
            if self.answers["session"] is None:
                response.status_code = 401
            return self.answers[name]

        @self.app.delete("/api/v1/session", status_code=204)
        async def sign_out() -> None:
            self.answers["session"] = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def show(self, files: dict[str, bytes]) -> str:
        """Serves this version from now on; returns the address of its files."""
        web = WebFiles.of(files)
        provide(self.app, web)
        return f"/static/{web.static}/"

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        config = uvicorn.Config(
            self.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        with listening("127.0.0.1", self.port) as listener:
            self.port = int(listener.getsockname()[1])
            running = HttpServer(config, lambda: None)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(running.serve([listener]))
                await eventually(lambda: running.started)
                try:
                    yield
                finally:
                    running.handle_exit(15, None)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(viewport=WIDE, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(WATCH)
    yield context
    await context.close()


async def opened(browser: BrowserContext, server: Server, path: str = "/") -> tuple[Page, Complaints]:
    page = await browser.new_page()
    complaints = Complaints(server.url)
    complaints.watch(page)
    await page.goto(server.url + path)
    return page, complaints


async def looked_after(browser: BrowserContext, server: Server) -> Page:
    """A tab that the service worker answers for, which it does from the second load on."""
    page, complaints = await opened(browser, server)
    await page.get_by_test_id("composer").wait_for()
    assert await page.evaluate(TAKEN_UP)
    await page.reload()
    await page.get_by_test_id("composer").wait_for()
    assert await page.evaluate("() => navigator.serviceWorker.controller !== null")
    assert complaints.unexpected == []
    return page


async def modules_of(page: Page) -> set[str]:
    """The versions that the tab has files of."""
    loaded = await page.evaluate("() => performance.getEntriesByType('resource').map((each) => each.name)")
    return {url.split("/static/")[1].split("/")[0] for url in loaded if "/static/" in url}


async def test_the_page_opens_without_its_server_for_who_was_there(browser: BrowserContext, server: Server) -> None:
    async with server.up():
        page = await looked_after(browser, server)
        await page.get_by_test_id("composer").fill("written before")
        await page.wait_for_function("() => JSON.stringify({ ...localStorage }).includes('written before')")
    for path in ("/", "/settings", "/c/01890a5d-ac96-774b-bcce-b302099a8057"):
        page, _ = await opened(browser, server, path)
        await expect(page.get_by_test_id("connection")).to_contain_text("cannot be reached")
        await expect(page.locator(".who")).to_have_text("Ann")
        if path == "/":
            await expect(page.get_by_test_id("composer")).to_have_value("written before")
    # Whole, also where it was never looked at with a server; what is none of the page is not answered for.
    with pytest.raises(Error):
        await page.goto(server.url + "/docs")
    async with server.up():
        page, complaints = await opened(browser, server)
        await page.get_by_test_id("composer").wait_for()
        await expect(page.get_by_test_id("connection")).to_have_text("")
        assert complaints.unexpected == []


async def test_no_tab_has_files_of_two_versions(browser: BrowserContext, server: Server) -> None:
    first = server.show(FIRST)
    async with server.up():
        old = await looked_after(browser, server)
        second = server.show(SECOND)
        # Under the worker of the first version the server's page is what is opened, all of the second.
        new, complaints = await opened(browser, server)
        await new.get_by_test_id("settings-link").click()
        await new.get_by_test_id("text-size").wait_for()
        assert await new.evaluate("() => document.documentElement.dataset.version") == "second"
        assert await modules_of(new) == {second.split("/")[2]}
        assert complaints.unexpected == []
        # A tab of the first version has its own files, as far as it had asked for them; never others.
        assert await modules_of(old) == {first.split("/")[2]}
        await old.get_by_test_id("settings-link").click()
        await expect(old.get_by_test_id("problem").get_by_text("newer version")).to_be_visible()
        assert await modules_of(old) == {first.split("/")[2]}
        await expect(old.locator("html")).not_to_have_attribute("data-version", "second")
    # Without the server the first version opens, all of it: the worker of the second waits for its tabs to close.
    page, _ = await opened(browser, server)
    await page.get_by_test_id("composer").wait_for()
    assert await modules_of(page) == {first.split("/")[2]}


async def test_the_next_version_takes_over_when_the_last_tab_is_closed(browser: BrowserContext, server: Server) -> None:
    async with server.up():
        tab = await looked_after(browser, server)
        second = server.show(SECOND)
        await tab.reload()
        await tab.evaluate("async () => { await (await navigator.serviceWorker.getRegistration()).update(); }")
        await tab.close()

        async def only_second() -> bool:
            page, _ = await opened(browser, server)
            await page.get_by_test_id("composer").wait_for()
            kept = await page.evaluate(KEPT)
            await page.close()
            return {name for name, _ in kept} == {f"verbatim {second}"}

        taken_over: bool = await eventually(only_second)
        assert taken_over
    page, _ = await opened(browser, server)
    await page.get_by_test_id("composer").wait_for()
    assert await modules_of(page) == {second.split("/")[2]}


async def test_nothing_of_the_api_is_kept_and_signing_out_leaves_the_page(
    browser: BrowserContext, server: Server
) -> None:
    static = server.show(FIRST)
    async with server.up():
        page = await looked_after(browser, server)
        await page.get_by_test_id("settings-link").click()
        await page.get_by_test_id("text-size").wait_for()
        kept = [path for _, path in await page.evaluate(KEPT)]
        assert "/" in kept and f"{static}js/main.js" in kept and f"{static}js/settings/page.js" in kept
        assert [path for path in kept if path != "/" and not path.startswith(static)] == []
        await page.get_by_test_id("sign-out").click()
        await page.wait_for_url("**/signin")
        assert {path for _, path in await page.evaluate(KEPT)} >= set(kept)
        assert "Ann" not in await page.evaluate("() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    # Whoever comes next sees the page, and of Ann nothing.
    page, _ = await opened(browser, server)
    await expect(page.get_by_role("status").filter(has_text="cannot be reached")).to_be_visible()
    await expect(page.locator(".who")).to_have_count(0)
