"""Pages of events, as a client asks for them."""

from __future__ import annotations

from typing import Any

import httpx

from tests.unit.api.test_conversations import PATH


async def asked(client: httpx.AsyncClient, conversation: str, **params: Any) -> httpx.Response:
    return await client.get(f"{PATH}/{conversation}/events", params=params)


async def page(client: httpx.AsyncClient, conversation: str, **params: Any) -> dict[str, Any]:
    answer = await asked(client, conversation, **params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def all_of(client: httpx.AsyncClient, conversation: str, **params: Any) -> list[dict[str, Any]]:
    """Every page, put together."""
    found: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for _ in range(200):
        one = await page(client, conversation, **params, **before)
        found = one["data"] + found
        if one["nextBefore"] is None:
            return found
        before = {"before": one["nextBefore"]}
    raise AssertionError("the pages do not end")


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def place(event: dict[str, Any]) -> tuple[str, int, int]:
    return event["topic"], event["partition"], event["offset"]
