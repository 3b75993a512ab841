"""Prompts and their streams, as clients see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.eventually import eventually
from tests.integration.guarantees.world import Whole
from tests.unit.api.sse_text import events_of


async def asked(
    whole: Whole, client: httpx.AsyncClient, conversation: str, content: str, **fields: Any
) -> httpx.Response:
    """The whole stream of a prompt to the patient model."""
    headers = fields.pop("headers", {})
    body = {"content": content, "model": whole.model("patient"), **fields}
    return await client.post(f"/api/v1/conversations/{conversation}/messages", json=body, headers=headers)


async def begun(client: httpx.AsyncClient, **body: str) -> str:
    """A new conversation."""
    answer = await client.post("/api/v1/conversations", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


class Reading:
    """A stream as far as it was read: `seen` is all of it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.seen = b""
        self._parts = response.aiter_raw()

    async def until(self, enough: Callable[[bytes], bool]) -> bytes:
        """Read on until all that came is enough."""
        while not enough(self.seen):
            self.seen += await anext(self._parts)
        return self.seen

    async def to_end(self) -> bytes:
        """Read the rest; returns all of it."""
        async for data in self._parts:
            self.seen += data
        return self.seen

    @property
    def generation(self) -> str:
        return generation_of(self.seen)


def generation_of(body: bytes) -> str:
    """The generation whose stream this is."""
    return str(events_of(body)[0].json["messageId"])


def text_of(body: bytes) -> str:
    """The answer's text in the frames that are whole."""
    frames = body[: body.rfind(b"\n\n") + 2]
    return "".join(event.json["delta"] for event in events_of(frames) if event.event == "content_chunk")


def without_comments(body: bytes) -> bytes:
    """The frames alone."""
    return body.replace(b": keep-alive\n\n", b"")


async def outcome_there(client: httpx.AsyncClient, conversation: str, generation: str) -> None:
    """Wait until the projections hold the answer."""

    async def there() -> bool:
        path = f"/api/v1/conversations/{conversation}/messages"
        rows = (await client.get(path, headers={"X-Verbatim-Position": f"generation/{generation}"})).json()["data"]
        return any(row["id"] == generation and row["status"] != "running" for row in rows)

    held: bool = await eventually(there, 40)
    assert held
