"""The client over raw sockets: it takes answers by the letter, and what came before a reset."""

from __future__ import annotations

import asyncio

import pytest

from tests.fuzz.wire import Answer, exchange

OK = b"HTTP/1.1 200 OK\r\nX-A: b\r\n"


async def _asked(says: bytes, *, method: str = "GET", cut: bool = False) -> Answer:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(says)
        await writer.drain()
        if cut:
            writer.transport.abort()
        else:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        return await exchange(port, [f"{method} / HTTP/1.1\r\n\r\n".encode()], timeout_s=5)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("says", "body"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (OK + b"Connection: close\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_a_whole_answer_is_taken_whatever_the_socket_does_then(says: bytes, body: bytes, cut: bool) -> None:
    answer = await _asked(says, cut=cut)
    assert (answer.body, answer.problem) == (body, "")
    assert answer.status in (200, 204)


async def test_the_answer_to_head_has_no_body() -> None:
    answer = await _asked(OK + b"Content-Length: 3\r\n\r\n", method="HEAD")
    assert (answer.status, answer.headers["x-a"], answer.problem) == (200, "b", "")


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"HTTP/1.1 200",
        b"what\r\n\r\n",
        OK + b"Content-Length: 9\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab",
    ],
)
async def test_half_an_answer_is_told(says: bytes) -> None:
    assert (await _asked(says)).problem
