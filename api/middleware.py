"""What every answer carries: a request id and security headers; and the answer to what nobody foresaw. Pure ASGI."""

from __future__ import annotations

import re
import traceback
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import as_api_error
from api.metrics import REQUESTS
from infra.ids import draw_id
from infra.logging import get_logger

REQUEST_ID_HEADER = "x-request-id"
_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_CLOSED_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_FRAMES = 8
_CACHE = (b"cache-control", b"no-store")


class AnswerHeaders:
    """Gives each request its id (the client's, if it is sane) and each answer the headers that all have.

    `scope["state"]["request_id"]` holds the id; what a route puts into `scope["state"]["answer_headers"]` goes out too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER.encode()), None)
        request_id = given.decode() if given is not None and _SANE.fullmatch(given) else draw_id()
        state: dict[str, Any] = {"request_id": request_id, "answer_headers": {}}
        scope["state"] = state

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = self._headers(scope, message, state)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if started:
                raise  # the server cuts the connection, so that nobody takes half an answer for a whole one
            # Not the error's message and no values: they may hold what a user wrote.
            get_logger(__name__).error(
                "a request failed",
                error=type(error).__name__,
                request_id=request_id,
                route=_route_of(scope),
                where="".join(traceback.format_tb(error.__traceback__)[-_MOST_FRAMES:]),
            )
            await as_api_error(error).response()(scope, receive, send_with_headers)

    def _headers(self, scope: Scope, message: Message, state: dict[str, Any]) -> list[tuple[bytes, bytes]]:
        own = list(message.get("headers", ()))
        names = {name.lower() for name, _ in own}
        more = [(name.encode(), value.encode()) for name, value in state["answer_headers"].items()]
        more.append((REQUEST_ID_HEADER.encode(), state["request_id"].encode()))
        more += [*_SECURITY, _CLOSED_POLICY, _CACHE]
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.labels(_route_of(scope), method, message["status"]).inc()
        return own + [header for header in more if header[0].lower() not in names]


def _route_of(scope: Scope) -> str:
    """The route's pattern: a bounded label, and no id of anybody in it."""
    return getattr(scope.get("route"), "path", "unknown")
