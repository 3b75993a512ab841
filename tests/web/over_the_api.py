"""What a user has from elsewhere: conversations begun over the API, by another browser or a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.e2e.stack import Stack

AT_ONCE = 8


def elsewhere(stack: Stack) -> httpx.AsyncClient:
    """The first user's, by their key."""
    return httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {stack.key}"}, timeout=60)


@asynccontextmanager
async def begun(stack: Stack, titles: Sequence[str]) -> AsyncIterator[list[str]]:
    """Conversations with these titles, the last one the newest; afterwards they are gone."""
    async with elsewhere(stack) as client:
        made = [await begin(client, title=titles[0])]
        made += await _each([begin(client, title=title) for title in titles[1:-1]])
        made += [await begin(client, title=title) for title in titles[1:][-1:]]
        yield made
        await _each([client.delete(f"/api/v1/conversations/{each}") for each in made])


async def begin(client: httpx.AsyncClient, **asked: Any) -> str:
    """A conversation's id."""
    answer = await client.post("/api/v1/conversations", json=asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _each(calls: Sequence[Any]) -> list[Any]:
    """A few at a time, so that the stack answers others too."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def through(call: Any) -> Any:
        async with gate:
            return await call

    return list(await asyncio.gather(*map(through, calls)))
