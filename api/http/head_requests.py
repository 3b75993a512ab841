"""HEAD for every GET route: the same status and headers, no body. Pure ASGI."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.direct import withdraw


class HeadRequests:
    """Answers HEAD as GET would begin to answer; what would stream is told at its head that its client has left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        begun = asyncio.Event()
        asked = {**scope, "method": "GET"}
        withdraw(asked)

        async def gone() -> Message:
            await begun.wait()
            return {"type": "http.disconnect"}

        async def head_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                if "route" in asked:
                    scope["route"] = asked["route"]
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                begun.set()

        await self._app(asked, gone, head_only)
