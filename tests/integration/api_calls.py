"""Requests to a running API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx

CHAT = "/v1/chat/completions"
CONVERSATIONS = "/api/v1/conversations"


def chat(said: str, **fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": [{"role": "user", "content": said}], **fields}


async def begun(client: httpx.AsyncClient, **body: Any) -> str:
    answer = await client.post(CONVERSATIONS, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def until(parts: AsyncIterator[bytes], sign: bytes) -> bytes:
    """What came up to and with `sign`."""
    seen = b""
    async for part in parts:
        seen += part
        if sign in seen:
            return seen
    raise AssertionError(f"the stream ended without {sign!r}: {seen!r}")


async def answer_to(url: httpx.URL, sent: bytes) -> str:
    """All that comes back for these bytes, until the server closes."""
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer.decode()


async def answer_while_sending(port: int, head: str) -> str:
    """All that comes back for a head whose body of 2 MiB is still being sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        with suppress(ConnectionError):
            for _ in range(32):
                writer.write(b" " * 65_536)
                await writer.drain()

    async with asyncio.TaskGroup() as tasks:
        writer.write(head.encode())
        sending = tasks.create_task(send())
        answer = await reader.read()
        await sending
    writer.close()
    return answer.decode()
