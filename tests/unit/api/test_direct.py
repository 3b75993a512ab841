"""A stream's head passes all middleware, its body none; and nothing of a body passes by who must not let it through."""

from __future__ import annotations

from typing import Any

from starlette.types import Message, Receive, Scope, Send

from api.http.direct import direct, offer
from api.http.head_requests import HeadRequests
from tests.unit.api.streams import SCOPE, Client
from tests.unit.api.test_serving import Scene, nothing


class Wire:
    """The server's own `send`, and one that middleware wrapped around it."""

    def __init__(self) -> None:
        self.through: list[str] = []
        self.sent: list[Message] = []

    async def direct(self, message: Message) -> None:
        self.sent.append(message)

    async def wrapped(self, message: Message) -> None:
        self.through.append(message["type"])
        await self.direct(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def test_a_stream_sends_its_head_through_middleware_and_its_body_past_it() -> None:
    scene, wire, client = Scene("events", nothing), Wire(), Client()
    scope: dict[str, Any] = dict(SCOPE)
    offer(scope, wire.direct)
    scene.attempt.start().chunk("a").chunk("b").end()
    await scene.response(scope, client.receive, wire.wrapped)
    assert wire.through == ["http.response.start"]
    assert [message["type"] for message in wire.sent[:2]] == ["http.response.start", "http.response.body"]
    assert wire.body.count(b"event: content_chunk") == 2
    assert wire.sent[-1]["more_body"] is False


async def test_where_no_server_offers_its_own_send_everything_goes_through_middleware() -> None:
    scene, wire, client = Scene("events", nothing), Wire(), Client()
    scene.attempt.start().chunk("a").end()
    await scene.response(dict(SCOPE), client.receive, wire.wrapped)
    assert set(wire.through) == {"http.response.start", "http.response.body"}


async def test_an_answer_to_head_has_no_body_though_its_route_streams() -> None:
    wire, client = Wire(), Client()

    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await direct(scope, send)({"type": "http.response.body", "body": b"text", "more_body": False})

    scope: dict[str, Any] = {**SCOPE, "method": "HEAD"}
    offer(scope, wire.direct)
    await HeadRequests(streams)(scope, client.receive, wire.wrapped)
    assert wire.body == b""
    assert wire.through == ["http.response.start", "http.response.body"]
