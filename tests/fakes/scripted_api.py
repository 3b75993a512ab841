"""The API as `chat` sees it, doing what a test tells it: breaking off, refusing, answering slowly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

KEY = "vk_test"
CONVERSATION = str(UUID(int=1))
GENERATION = str(UUID(int=2))


@dataclass
class ScriptedApi:
    """Set before a request; look at `seen` after it.

    `deltas`: the answer; a pair is a frame of another kind and its data. `break_after`: for each connection to a
    stream, how many frames it sends before it breaks off (none left: all). `refusals`: answers to give before a stream,
    first to last. `hold`: no terminal until cancelled. `gap_s`: between chunks.
    """

    deltas: list[str | tuple[str, dict[str, Any]]] = field(default_factory=lambda: ["Hel", "lo"])
    break_after: list[int] = field(default_factory=list)
    refusals: list[tuple[int, str, str]] = field(default_factory=list)
    conversations: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    failure: dict[str, Any] | None = None
    hold: bool = False
    gap_s: float = 0.0
    seen: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    url: str = ""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def sent(self, method: str, path: str) -> list[tuple[dict[str, str], Any]]:
        """(headers, body) of every request to a path."""
        return [(headers, body) for m, p, headers, body in self.seen if (m, p) == (method, path)]

    def frames(self) -> list[bytes]:
        start: dict[str, Any] = {"messageId": GENERATION, "conversationId": CONVERSATION, "model": "m"}
        end: dict[str, Any] = {
            "messageId": GENERATION,
            "finishReason": "cancelled" if self.cancelled.is_set() else "stop",
            "tokensUsed": 12,
            "cost": 0.000012,
            "currency": "USD",
        }
        events = [("message_start", start)]
        events += [("content_chunk", {"delta": said}) if isinstance(said, str) else said for said in self.deltas]
        events += [("error", self.failure) if self.failure else ("message_end", end)]
        return [
            f"id: {seq}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
            for seq, (event, data) in enumerate(events)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedApi]:
        app = web.Application(middlewares=[self._note])
        routes = app.router
        routes.add_post("/api/v1/conversations", self._create)
        routes.add_get("/api/v1/conversations", self._list)
        routes.add_get("/api/v1/conversations/{id}", self._get)
        routes.add_get("/api/v1/conversations/{id}/messages", self._messages)
        routes.add_post("/api/v1/conversations/{id}/messages", self._send)
        routes.add_get("/api/v1/generations/{id}/stream", self._resume)
        routes.add_post("/api/v1/generations/{id}/cancel", self._cancel)
        routes.add_get("/v1/models", self._models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            self.cancelled.set()
            await runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.path, dict(request.headers), body))
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_api_key", "Incorrect API key provided.")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _create(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"id": CONVERSATION}, status=201, headers={"X-Verbatim-Position": "conversation-events/0/1"}
        )

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"data": self.conversations, "nextCursor": None})

    async def _get(self, request: web.Request) -> web.Response:
        known = [CONVERSATION, *(row["id"] for row in self.conversations)]
        if request.match_info["id"] not in known:
            return _error(404, "not_found", "No such conversation.")
        return web.json_response({"id": request.match_info["id"], "title": "About tests"})

    async def _messages(self, request: web.Request) -> web.Response:
        """Pages of two."""
        first = int(request.query.get("cursor", "0"))
        page = self.messages[first : first + 2]
        more = str(first + 2) if first + 2 < len(self.messages) else None
        return web.json_response({"data": page, "nextCursor": more})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m"}, {"id": "n"}]})

    async def _send(self, request: web.Request) -> web.StreamResponse:
        if self.refusals:
            status, code, message = self.refusals.pop(0)
            return _error(status, code, message)
        return await self._stream(request, 0, {"X-Verbatim-Position": "conversation-events/0/2"})

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, int(request.headers.get("Last-Event-ID", "-1")) + 1, {})

    async def _cancel(self, request: web.Request) -> web.Response:
        self.cancelled.set()
        return web.json_response({"id": GENERATION, "status": "cancelled"})

    async def _stream(self, request: web.Request, first: int, headers: dict[str, str]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
        await response.prepare(request)
        most = self.break_after.pop(0) if self.break_after else None
        last = len(self.deltas) + 1
        for seq in range(first, last + 1):
            if most is not None and seq - first >= most:
                assert request.transport is not None
                request.transport.abort()
                return response
            if seq == last and self.hold:
                await self.cancelled.wait()
            await asyncio.sleep(self.gap_s)
            await response.write(b": keep-alive\n\n" + self.frames()[seq])
        return response


def _error(status: int, code: str, message: str) -> web.Response:
    error = {"message": message, "type": "x", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers={"Retry-After": "0"})
