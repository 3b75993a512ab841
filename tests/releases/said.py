"""All that the API tells a user about their conversations, to be compared with what a later release tells."""

from __future__ import annotations

from typing import Any

import httpx


def all_said(url: str, key: str) -> dict[str, Any]:
    """The user's keys and conversations, each with its messages, by its id."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        conversations = _pages(client, "/api/v1/conversations")
        talks = {}
        for conversation in conversations:
            place = f"/api/v1/conversations/{conversation['id']}"
            talks[conversation["id"]] = {
                "conversation": _get(client, place),
                "messages": _pages(client, f"{place}/messages"),
                "branch": _get(client, f"{place}/branch"),
            }
        return {"conversations": conversations, "talks": talks, "keys": _get(client, "/api/v1/keys")}


def _pages(client: httpx.Client, place: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = _get(client, place, **({"cursor": cursor} if cursor else {}))
        found += page["data"]
        cursor = page.get("nextCursor")
        if not cursor:
            return found


def _get(client: httpx.Client, place: str, **query: str) -> Any:
    answer = client.get(place, params=query)
    answer.raise_for_status()
    return answer.json()


def missing(before: Any, now: Any, at: str = "") -> list[str]:
    """What `before` held and `now` holds otherwise or not at all; what is new is no loss."""
    if isinstance(before, dict) and isinstance(now, dict):
        now = _as_recorded(before, now)
        gone = [f"{at}/{name} is gone" for name in before.keys() - now.keys()]
        return gone + [
            line for name in before.keys() & now.keys() for line in missing(before[name], now[name], f"{at}/{name}")
        ]
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return [f"{at} has {len(now)} entries, not {len(before)}"]
        return [
            line
            for n, (one, other) in enumerate(zip(before, now, strict=True))
            for line in missing(one, other, f"{at}/{n}")
        ]
    return [] if before == now else [f"{at} is {now!r}, not {before!r}"]


def _as_recorded(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """An error with the words of its record, which were its `message` before people were told in their own."""
    is_error = {"code", "message"} <= before.keys() and "detail" in now.keys() - before.keys()
    return {**now, "message": now["detail"]} if is_error else now
