"""Browsers signed in at real API processes: the cookie of one opens another, and a link opens one browser of all."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from api.access.auth import hash_of
from api.access.sessions import NONCE_BYTES, Sessions
from infra.clock import now_us
from infra.ids import draw_bytes, draw_id
from infra.settings import Settings
from tests.integration.api_process import ApiProcess, running_api
from tests.integration.api_running import whole_api

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SESSION = "/api/v1/session"
SECRET = "s" * 43
MARK = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}


def browser_at(api: ApiProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=api.url, headers=MARK, timeout=30)


def link_for(key: str) -> str:
    return Sessions(SECRET, 1).link(hash_of(key), draw_bytes(NONCE_BYTES), now_us() // 1_000_000)


@pytest.mark.slow("one process after another is started with other settings")
async def test_signing_in(servers: Settings, tmp_path: Path) -> None:
    async with whole_api(servers, tmp_path / "api.log") as running, AsyncExitStack() as stack:
        away = running.settings.model_copy(
            update={"redis": running.settings.redis.model_copy(update={"url": SecretStr("redis://127.0.0.1:1/0")})}
        )
        begun = [
            running_api(settings, tmp_path / f"{name}.log", session_secret=SecretStr(SECRET))
            for name, settings in (("one", running.settings), ("two", running.settings), ("lonely", away))
        ]
        # Together: most of a start is waiting for servers.
        async with asyncio.TaskGroup() as tasks:
            there = [tasks.create_task(stack.enter_async_context(api)) for api in begun]
        one, two, lonely = (task.result() for task in there)

        # The page and what it is made of.
        async with browser_at(one) as browser:
            page = await browser.get(f"/c/{draw_id()}")
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            again = await browser.get("/", headers={"if-none-match": page.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            head = await browser.head("/")
            assert (head.status_code, head.headers["content-length"]) == (200, page.headers["content-length"])

        # A link: however many browsers come at once, at whichever process, one gets in.
        link = link_for(running.key)
        async with AsyncExitStack() as clients, asyncio.TaskGroup() as tasks:
            browsers = [await clients.enter_async_context(browser_at(api)) for api in (one, two) * 6]
            answers = [tasks.create_task(browser.post(SESSION, json={"link": link})) for browser in browsers]
            came = [await answer for answer in answers]
        assert sorted(answer.status_code for answer in came) == [200] + [401] * 11
        assert {answer.json()["error"]["code"] for answer in came if answer.status_code == 401} == {"link_expired"}
        lucky = next(answer for answer in came if answer.status_code == 200)
        assert lucky.json()["userName"] == "alice"

        # Redis away: a link waits, a key does not.
        kept = link_for(running.key)
        async with browser_at(lonely) as browser:
            asked = await browser.post(SESSION, json={"link": kept})
            assert (asked.status_code, asked.json()["error"]["code"]) == (503, "links_unavailable")
            assert (await browser.post(SESSION, json={"key": running.key})).status_code == 200
        async with browser_at(two) as browser:
            assert (await browser.post(SESSION, json={"link": kept})).status_code == 200

            # A key revoked at one process opens nothing at another, by cookie either.
            made = (await browser.post("/api/v1/keys", json={"label": "browser"})).json()
        async with browser_at(one) as browser:
            assert (await browser.post(SESSION, json={"key": made["key"]})).status_code == 200
            # Cookies are kept by port: the other process stands for the same address after a restart.
            ours = {"Cookie": f"verbatim_session_{two.url.rpartition(':')[2]}={next(iter(browser.cookies.values()))}"}
            async with browser_at(two) as elsewhere:
                assert (await elsewhere.get(SESSION, headers=ours)).status_code == 200
                gone = await elsewhere.delete(f"/api/v1/keys/{made['id']}", headers=ours)
                assert gone.status_code == 204
                assert (await elsewhere.get(SESSION, headers=ours)).json()["error"]["code"] == "key_revoked"

        # Behind a proxy that ends TLS: the cookie is for https, and the page's own requests are taken.
        async with browser_at(one) as browser:
            browser.headers.update({"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"})
            signed_in = await browser.post(SESSION, json={"key": running.key})
            assert "; Secure" in signed_in.headers["set-cookie"]
            assert (await browser.get("/metrics")).status_code == 404, "the proxy's clients are not of this host"
        for api in (one, two, lonely):
            assert running.key not in api.said
            assert link not in api.said
