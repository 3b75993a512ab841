"""What comes before a request is whole: bounded in size and time, and refused in the shape of all errors."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from api.http import lingering
from api.http import protocol as http_protocol
from api.http.cross_origin import CrossOrigin
from api.http.protocol import BoundedHttp, http_of
from tests.eventually import eventually
from tests.unit.api.wires import HEAD, Wire, connection


async def test_ordinary_requests_follow_each_other() -> None:
    protocol, wire = connection()
    for number in (1, 2):
        for part in (HEAD[:7], HEAD[7:], b"\r\n"):
            protocol.data_received(part)
        await eventually(lambda number=number: wire.written.count(b"ok") == number)  # type: ignore[misc]  # mypy infers no lambda with defaults
    assert protocol._late is None
    protocol.connection_lost(None)


async def test_an_answer_that_is_not_taken_is_given_up_by_the_system() -> None:
    protocol, wire = connection()
    assert wire.options == {socket.TCP_USER_TIMEOUT: 90_000}
    protocol.connection_lost(None)


async def test_a_head_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_HEAD_BYTES", 1000)
    protocol, wire = connection()
    protocol.data_received(HEAD + b"X: ")
    for _ in range(10):
        protocol.data_received(b"x" * 500)
    assert wire.answer == (431, "head_too_large")
    assert wire.over
    protocol.connection_lost(None)


@pytest.mark.parametrize("sent", [b"", HEAD, b"GE"])
async def test_a_head_that_does_not_come(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.01)
    protocol, wire = connection()
    protocol.data_received(sent)
    await eventually(lambda: wire.over)
    assert wire.answer == (408, "request_timeout")
    protocol.connection_lost(None)


@pytest.mark.parametrize("line", [b"X: a\x01b\r\n", b"X\x00: a\r\n", b"no colon\r\n", b"Content-Length: -1\r\n"])
async def test_what_is_no_http(line: bytes) -> None:
    protocol, wire = connection()
    protocol.data_received(HEAD + line + b"\r\n")
    assert wire.answer == (400, "invalid_http")
    assert wire.over
    protocol.connection_lost(None)


CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = [
    CHUNKED + b"ZZ\r\n",
    CHUNKED + b"5\r\nhello, there\r\n0\r\n\r\n",
    CHUNKED + b"-1\r\nx\r\n",
    CHUNKED + b"fffffffffffffffff\r\nx\r\n",
    CHUNKED + b"2\r\n{}\r\n0\r\nX: a\x01b\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello",
]


class App:
    """Reads a whole body, then answers; remembers how often it was begun, and what it was told in the end."""

    def __init__(self) -> None:
        self.begun = 0
        self.last = ""
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            pass
        self.last = message["type"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"ay"})


def connected_to(app: Any, **rule: Any) -> tuple[BoundedHttp, Wire]:
    kind = http_of(CrossOrigin.of(**rule)) if rule else BoundedHttp
    config = Config(app, http=kind, log_config=None, access_log=False)
    protocol, wire = kind(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def settled(protocol: BoundedHttp) -> None:
    await eventually(lambda: not protocol.tasks)


@pytest.mark.parametrize("sent", BROKEN)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_body_that_breaks_its_framing_is_answered(
    sent: bytes, at_once: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    protocol, wire = connected_to(app)
    for piece in [sent] if at_once else [sent[place : place + 1] for place in range(len(sent))]:
        protocol.data_received(piece)
        await asyncio.sleep(0)
    assert wire.answer == (400, "invalid_http")
    assert wire.over
    assert b"\r\nx-request-id: " in wire.written and b"\r\nconnection: close\r\n" in wire.written
    protocol.connection_lost(None)
    await settled(protocol)
    assert app.last in ("", "http.disconnect")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_what_came_with_a_broken_body_at_once_is_not_begun() -> None:
    app = App()
    protocol, wire = connected_to(app)
    protocol.data_received(b"DELETE /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
    await settled(protocol)
    assert (app.begun, wire.answer) == (0, (400, "invalid_http"))


@pytest.mark.parametrize("broken", [CHUNKED + b"ZZ\r\n", b"\x16\x03\x01 no HTTP\r\n\r\n", HEAD + b"no colon\r\n\r\n"])
async def test_what_was_asked_for_before_is_answered_before(broken: bytes, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    app.go.clear()
    protocol, wire = connected_to(app)
    protocol.data_received(HEAD + b"\r\n" + HEAD + b"\r\n")
    protocol.data_received(broken)
    await eventually(lambda: wire.written.endswith(b"ok"))
    assert not wire.over
    app.go.set()
    await eventually(lambda: wire.over)
    await settled(protocol)
    answers = wire.written.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"400"]
    assert all(answer.endswith(b"okay") for answer in answers[:2])
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_answer_that_has_begun_is_cut_when_the_rest_of_its_body_is_broken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    protocol, wire = connected_to(early)
    protocol.data_received(CHUNKED)
    await eventually(lambda: b"ok" in wire.written)
    protocol.data_received(b"ZZ\r\n")
    assert wire.over and b" 400 " not in wire.written
    await settled(protocol)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(("origin", "allowed"), [(b"https://a.example", True), (b"https://b.example", False)])
async def test_a_page_that_may_call_can_read_what_was_wrong(origin: bytes, allowed: bool) -> None:
    protocol, wire = connected_to(App(), origins=["https://a.example"])
    protocol.data_received(CHUNKED.replace(b"\r\n\r\n", b"\r\nOrigin: " + origin + b"\r\n\r\n") + b"ZZ\r\n")
    assert wire.answer == (400, "invalid_http")
    assert (b"access-control-allow-origin: " + origin in wire.written) is allowed
    assert b"vary: Origin" in wire.written
    assert (b"cross-origin-resource-policy: cross-origin" in wire.written) is allowed


async def too_large(scope: Any, receive: Any, send: Any) -> None:
    """Answers before the body has arrived, as the routes do with a 413."""
    headers = [(b"content-length", b"2"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"no"})


LARGE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"


async def test_a_client_that_still_sends_gets_its_answer_before_the_connection_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lingering, "LINGER_S", 0.05)
    protocol, wire = connected_to(too_large)
    protocol.data_received(LARGE + b"x" * 1000)
    await eventually(lambda: wire.ended)
    assert wire.written.endswith(b"no") and not wire.closed  # closed now, it would be reset
    protocol.data_received(b"x" * 1000)  # thrown away, not parsed
    await eventually(lambda: wire.closed)
    protocol.connection_lost(None)


async def test_a_client_that_sends_on_and_on_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MAX_LINGER_BYTES", 5000)
    protocol, wire = connected_to(too_large)
    protocol.data_received(LARGE)
    await eventually(lambda: wire.ended)
    closed = []
    for count in (5000, 1):
        protocol.data_received(b"x" * count)
        closed.append(wire.closed)
    assert closed == [False, True]
    protocol.connection_lost(None)


async def test_a_client_that_has_sent_everything_is_closed_at_once() -> None:
    protocol, wire = connected_to(too_large)
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    await eventually(lambda: wire.closed)
    assert not wire.ended
    protocol.connection_lost(None)


async def test_nothing_waits_for_a_client_that_is_gone() -> None:
    protocol, wire = connected_to(too_large)
    protocol.data_received(LARGE)
    await eventually(lambda: wire.ended)
    protocol.connection_lost(None)
    assert protocol._lingering._timer is not None and protocol._lingering._timer.cancelled()
