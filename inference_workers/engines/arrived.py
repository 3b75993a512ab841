"""Reads an upstream's body to the last byte that arrived, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

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


class Connections:
    """Lets a body break as soon as its connection is gone.

    aiohttp gives a connection up at framing that it cannot read, and leaves the reader of the body waiting.
    """

    def __init__(self) -> None:
        self._reading: WeakKeyDictionary[asyncio.Future[None], _Reading] = WeakKeyDictionary()

    def begin(self, response: aiohttp.ClientResponse) -> Callable[[], None]:
        """Watch the connection of a response; returns what is to be called when its body is not read any more."""
        protocol = response.connection.protocol if response.connection is not None else None
        closed = protocol.closed if protocol is not None else None
        if closed is None:
            return lambda: None
        reading = self._reading.get(closed)
        if reading is None:
            # One a connection, for all its life: a connection is used again and again.
            reading = self._reading[closed] = _Reading()
            closed.add_done_callback(reading.break_off)
        reading.content = response.content
        return reading.end


class _Reading:
    """The body that is read over one connection, if any."""

    def __init__(self) -> None:
        self.content: aiohttp.StreamReader | None = None

    def end(self) -> None:
        self.content = None

    def break_off(self, gone: asyncio.Future[None]) -> None:
        gone.exception()  # else asyncio reports it as never retrieved
        content = self.content
        if content is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError(_GONE))
