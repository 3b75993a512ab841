"""Gives every response a request id and security headers, and turns unhandled exceptions into a 500. Pure ASGI."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.cross_origin import CrossOrigin
from api.http.errors import as_api_error
from api.http.headers import REQUEST_ID_HEADER
from api.http.metrics import REQUESTS
from infra.ids import draw_id
from infra.logging import get_logger

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")
COMMON = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Headers of every answer that has none of its own by these names."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MAX_FRAMES = 8


class AnswerHeaders:
    """Gives each request its id (the client's, if it is sane) and each answer the headers that all have.

    Routes get the id by `request_id`, and give their answer headers by `add_headers`, whatever the answer will be.
    """

    def __init__(self, app: ASGIApp, cross_origin: CrossOrigin) -> None:
        self._app = app
        self._cross_origin = cross_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers.get(REQUEST_ID_HEADER))
        across = self._cross_origin.answer_headers(scope["path"], headers.get("origin"))
        state: dict[str, Any] = {"request_id": request_id, "answer_headers": across}
        scope["state"] = state

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = self._headers(scope, message, state)
            await send(message)

        if scope["method"] == "OPTIONS":
            told = self._cross_origin.preflight(scope["path"], headers)
            if told is not None:  # browsers ask without the key that the call itself will have
                await Response(status_code=204, headers=told)(scope, receive, send_with_headers)
                return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if started:
                raise  # the server cuts the connection, so that no client takes half an answer for a whole one
            # Not the error's message and no values: they may hold what a user wrote.
            get_logger(__name__).error(
                "a request failed",
                error=type(error).__name__,
                request_id=request_id,
                route=_route_of(scope),
                where="".join(traceback.format_tb(error.__traceback__)[-_MAX_FRAMES:]),
            )
            await as_api_error(error).response()(scope, receive, send_with_headers)

    def _headers(self, scope: Scope, message: Message, state: dict[str, Any]) -> list[tuple[bytes, bytes]]:
        own = list(message.get("headers", ()))
        names = {name.lower() for name, _ in own}
        more = {name.lower().encode(): value.encode() for name, value in state["answer_headers"].items()}
        if b"vary" in names and b"vary" in more:
            own.append((b"vary", more[b"vary"]))
        more.setdefault(REQUEST_ID_HEADER.encode(), state["request_id"].encode())
        for name, value in COMMON:
            more.setdefault(name, value)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.labels(_route_of(scope), method, message["status"]).inc()
        return own + [header for header in more.items() if header[0] not in names]


def request_id(scope: Mapping[str, Any]) -> str:
    """The id of a request, by its scope."""
    found: str = scope["state"]["request_id"]
    return found


def add_headers(scope: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Give the answer of a request these headers, also where it is an error."""
    scope["state"]["answer_headers"].update(headers)


def request_id_of(given: str | None) -> str:
    """The id that a request brings, if it is a sane one, or one of ours."""
    return given if given is not None and _SANE.fullmatch(given) else draw_id()


def _route_of(scope: Scope) -> str:
    """The route's pattern: a bounded label, and no id of anybody in it."""
    return getattr(scope.get("route"), "path", "unknown")
