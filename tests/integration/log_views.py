"""Pages and streams of the log view, as a client reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.eventually import eventually
from tests.integration.api_calls import CONVERSATIONS
from tests.unit.api.sse_text import Event, events_of

WAIT_S = 60.0


async def said(client: httpx.AsyncClient, conversation: str, content: str) -> str:
    """Says something, waits for the answer to be readable; returns its id."""
    answer = await client.post(f"{CONVERSATIONS}/{conversation}/messages", json={"content": content})
    assert answer.status_code == 200, answer.text
    generation = str(events_of(answer.content)[0].json["messageId"])
    headers = {"X-Verbatim-Position": f"{answer.headers['x-verbatim-position']},generation/{generation}"}
    assert (await client.get(f"{CONVERSATIONS}/{conversation}", headers=headers)).status_code == 200
    return generation


async def page(client: httpx.AsyncClient, conversation: str, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"{CONVERSATIONS}/{conversation}/events", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def all_of(client: httpx.AsyncClient, conversation: str, **params: Any) -> list[dict[str, Any]]:
    """Every page, put together."""
    one = await page(client, conversation, **params)
    found: list[dict[str, Any]] = one["data"]
    while one["nextBefore"] is not None:
        one = await page(client, conversation, **params, before=one["nextBefore"])
        found = one["data"] + found
    return found


async def billed(client: httpx.AsyncClient, conversation: str, turns: int) -> list[dict[str, Any]]:
    """All events, once every turn is judged, queued and billed."""

    async def whole() -> list[dict[str, Any]]:
        found = await all_of(client, conversation)
        counts = [types(found).count(name) for name in ("ModerationVerdict", "GenerationRequested", "UsageRecorded")]
        assert counts == [turns] * 3
        return found

    found: list[dict[str, Any]] = await eventually(whole, WAIT_S)
    return found


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def place(event: dict[str, Any]) -> tuple[str, int, int]:
    return event["topic"], event["partition"], event["offset"]


class Look:
    """A client that reads a stream: a conversation's events, or what changes for a user."""

    def __init__(self, name: str) -> None:
        """`name`: what the events that count are called."""
        self.body = b""
        self._name = name

    @property
    def events(self) -> list[Event]:
        return [event for event in events_of(self.body) if event.event == self._name]

    @property
    def what(self) -> list[str]:
        """Changes in short."""
        return [event.json.get("what", event.json["kind"]) for event in self.events]

    @property
    def last_id(self) -> str:
        return str(events_of(self.body)[-1].id)

    async def has(self, count: int) -> None:
        there: bool = await eventually(lambda: len(self.events) >= count, WAIT_S)
        assert there

    async def shows(self, kind: str) -> None:
        """Waits for an event of this type, wherever it stands."""
        there: bool = await eventually(lambda: kind in types([event.json for event in self.events]), WAIT_S)
        assert there


@asynccontextmanager
async def looking(client: httpx.AsyncClient, conversation: str, after: str | None = None) -> AsyncIterator[Look]:
    """For the length of the block; begun, when it begins."""
    async with _reading(client, f"{CONVERSATIONS}/{conversation}/events/stream", "log_event", after) as look:
        yield look


@asynccontextmanager
async def hearing(client: httpx.AsyncClient, after: str | None = None) -> AsyncIterator[Look]:
    """As `looking`, of what changes for the client's user."""
    async with _reading(client, "/api/v1/changes", "changed", after) as look:
        yield look


@asynccontextmanager
async def _reading(client: httpx.AsyncClient, path: str, name: str, after: str | None) -> AsyncIterator[Look]:
    look = Look(name)
    headers = {} if after is None else {"Last-Event-ID": after}

    async def read(response: httpx.Response) -> None:
        async for data in response.aiter_raw():
            look.body += data

    async with client.stream("GET", path, headers=headers) as response, asyncio.TaskGroup() as tasks:
        assert response.status_code == 200, await response.aread()
        task = tasks.create_task(read(response))
        began: bool = await eventually(lambda: events_of(look.body) != [], WAIT_S)
        assert began
        yield look
        task.cancel()
