"""What users keep, and the end of their sessions, at real API processes: what is written at one shows at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from infra.clock import monotonic_s
from infra.ids import draw_id
from infra.settings import Settings
from tests.eventually import eventually
from tests.integration.api_process import ApiProcess, running_api
from tests.integration.api_running import Running, whole_api

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CONVERSATIONS, SESSION = "/api/v1/conversations", "/api/v1/session"
POSITION = "X-Verbatim-Position"
WITHIN_S = 3 * 2.0
"""What is promised, on a host that is three times as slow."""
SECRET = SecretStr("s" * 43)
MARK = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def two_processes(servers: Settings, tmp_path: Path) -> AsyncIterator[tuple[Running, ApiProcess, ApiProcess]]:
    async with whole_api(servers, tmp_path / "api.log") as running, AsyncExitStack() as stack:
        begun = [
            running_api(running.settings, tmp_path / f"{name}.log", session_secret=SECRET, heartbeat_s=0.5)
            for name in ("one", "two")
        ]
        async with asyncio.TaskGroup() as tasks:
            there = [tasks.create_task(stack.enter_async_context(api)) for api in begun]
        one, two = (task.result() for task in there)
        yield running, one, two


@pytest.mark.slow("three API processes are started, one after sessions have ended")
async def test_what_a_user_keeps_and_the_end_of_sessions(servers: Settings, tmp_path: Path) -> None:
    async with two_processes(servers, tmp_path) as (running, one, two):
        async with one.client(running.key) as here, two.client(running.key) as there:
            await _keeps(here, there)
            await _marks(here, there)
        async with two.client(running.other_key) as bob:
            assert (await bob.get("/api/v1/settings")).json() == {"settings": {}}
            assert (await bob.get("/api/v1/folders")).json() == {"data": []}
        await _signs_out_everywhere(running, one, two, tmp_path)


async def _keeps(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
    changed = await here.patch("/api/v1/settings", json={"settings": {"theme": "dark", "textSize": 120}})
    seen = await there.get("/api/v1/settings", headers={POSITION: changed.headers[POSITION]})
    assert seen.json() == changed.json() == {"settings": {"theme": "dark", "textSize": 120}}

    # Two processes at once under one key: one is the first, the other answers as it or says that the key was used.
    key = {"Idempotency-Key": draw_id()}
    twins = [client.post("/api/v1/folders", json={"name": "Work"}, headers=key) for client in (here, there)]
    made = await asyncio.gather(*twins)
    assert {answer.status_code for answer in made} == {201}
    assert len({answer.json()["id"] for answer in made}) == 1
    key = {"Idempotency-Key": draw_id()}
    rivals = [
        client.patch("/api/v1/settings", json={"settings": {"theme": theme}}, headers=key)
        for client, theme in ((here, "light"), (there, "system"))
    ]
    came = await asyncio.gather(*rivals)
    assert sorted(answer.status_code for answer in came) == [200, 422]
    won = next(answer for answer in came if answer.status_code == 200)

    async def counts() -> bool:
        # The loser said again what the winner had said.
        return bool((await there.get("/api/v1/settings")).json() == won.json())

    the_first_counts: bool = await eventually(counts, timeout_s=30)
    assert the_first_counts

    body = {"name": "brief", "text": "Be brief. /long"}
    snippet = await there.post("/api/v1/snippets", json=body)
    assert snippet.status_code == 201
    circle = await here.post(
        "/api/v1/snippets", json={"name": "long", "text": "/brief"}, headers={POSITION: snippet.headers[POSITION]}
    )
    assert (circle.status_code, circle.json()["error"]["code"]) == (400, "snippet_names_itself")


async def _marks(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
    ids = [str((await here.post(CONVERSATIONS, json={"title": name})).json()["id"]) for name in ("a", "b", "c")]
    folder = (await here.get("/api/v1/folders")).json()["data"][0]["id"]
    marked = await there.post("/api/v1/marks", json={"conversationIds": ids[:2], "pinned": True, "folderId": folder})
    assert marked.status_code == 204
    position = {POSITION: marked.headers[POSITION]}
    settings = {"temperature": 0.5, "systemPrompt": "Be brief."}
    assert (await here.put(f"{CONVERSATIONS}/{ids[0]}/settings", json=settings, headers=position)).status_code == 200
    first = (await here.get(f"{CONVERSATIONS}/{ids[0]}", headers=position)).json()
    assert (first["pinned"], first["folderId"], first["settings"]) == (True, folder, settings)
    archived = await here.patch(f"{CONVERSATIONS}/{ids[1]}/marks", json={"archived": True}, headers=position)
    position = {POSITION: archived.headers[POSITION]}

    async def listed(query: str) -> list[str]:
        answer = await there.get(f"{CONVERSATIONS}?{query}", headers=position)
        return [row["id"] for row in answer.json()["data"]]

    assert set(await listed("")) == {ids[0], ids[2]}
    assert await listed("archived=true") == [ids[1]]
    assert await listed("pinned=true") == [ids[0]]
    assert await listed(f"folder={folder}") == [ids[0]]
    gone = await here.delete(f"/api/v1/folders/{folder}")
    position = {POSITION: gone.headers[POSITION]}
    assert await listed(f"folder={folder}") == []
    past = await there.get(f"{CONVERSATIONS}/{ids[0]}", params={"as_of": first["updatedAt"]}, headers=position)
    assert past.status_code in (200, 404)  # that very moment may be before its first record's


async def _signs_out_everywhere(running: Running, one: ApiProcess, two: ApiProcess, tmp_path: Path) -> None:
    async with AsyncExitStack() as clients:
        browsers = [
            await clients.enter_async_context(httpx.AsyncClient(base_url=api.url, headers=MARK, timeout=60))
            for api in (one, two)
        ]
        for browser in browsers:
            assert (await browser.post(SESSION, json={"key": running.key})).status_code == 200
        first, second = browsers
        cookie = next(iter(second.cookies.values()))
        conversation = (await second.post(CONVERSATIONS, json={})).json()["id"]

        async def reads(client: httpx.AsyncClient, said: asyncio.Event) -> float:
            """When its stream, which has no end of its own, is cut."""
            with pytest.raises(httpx.RemoteProtocolError):
                path = f"{CONVERSATIONS}/{conversation}/messages"
                async with client.stream("POST", path, json={"content": "hold", "parent_message_id": "root"}) as stream:
                    async for chunk in stream.aiter_bytes():
                        if b"held" in chunk:
                            said.set()
            return monotonic_s()

        opened = asyncio.Event()
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(reads(second, opened))
            await opened.wait()
            assert (await first.delete(f"{SESSION}?everywhere=true")).status_code == 204
            ended_s = monotonic_s()
        assert reading.result() - ended_s < WITHIN_S
        answer = await second.get(SESSION)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_ended")
        # Its key opens as before, and signs in again.
        async with two.client(running.key) as program:
            assert (await program.get(SESSION)).status_code == 200
        assert (await second.post(SESSION, json={"key": running.key})).status_code == 200
        assert (await second.get(SESSION)).status_code == 200
        renewed = next(iter(second.cookies.values()))

    # A process that starts later knows it too.
    async with (
        running_api(running.settings, tmp_path / "later.log", session_secret=SECRET) as later,
        later.client(None) as client,
    ):
        name = f"verbatim_session_{later.url.rpartition(':')[2]}"
        old = await client.get(SESSION, headers={"Cookie": f"{name}={cookie}"})
        assert (old.status_code, old.json()["error"]["code"]) == (401, "session_ended")
        assert (await client.get(SESSION, headers={"Cookie": f"{name}={renewed}"})).status_code == 200
