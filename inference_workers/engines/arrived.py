"""Reading an upstream's body to the last byte that came, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

_GONE = "the connection was closed within the body"


async def arrived(content: aiohttp.StreamReader) -> bytes:
    """What has come since the last call, waiting for something; b"" at the end of the body.

    Raises what the body broke off with, an aiohttp.ClientError or what was set: not before all that came is given out.
    On the hot path: a call a read.
    """
    if content.exception() is not None and (rest := content._read_nowait(-1)):
        return rest  # aiohttp raises at once, and what came in the same read as the break would be lost
    try:
        return await content.readany()
    except RuntimeError:
        # aiohttp's word for a connection that was given up while the body had neither an end nor an error.
        raise aiohttp.ClientPayloadError(_GONE) from None


def break_when_closed(response: aiohttp.ClientResponse) -> Callable[[], None]:
    """Let the body break as soon as its connection is gone; returns what takes that back.

    aiohttp gives a connection up at framing that it cannot read, and leaves whoever reads the body waiting.
    """
    protocol = response.connection.protocol if response.connection is not None else None
    closed = protocol.closed if protocol is not None else None
    if closed is None:
        return lambda: None
    content = response.content

    def break_off(gone: asyncio.Future[None]) -> None:
        gone.exception()
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError(_GONE))

    closed.add_done_callback(break_off)

    def stay() -> None:
        closed.remove_done_callback(break_off)

    return stay
