"""The proxy itself, against a server that echoes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from infra.clock import monotonic_s
from tests.faults.proxies import Proxy

ANSWER_S = 10.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def proxied_echo() -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy("echo", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def said(streams: Streams, text: bytes) -> bytes:
    reader, writer = streams
    writer.write(text)
    async with asyncio.timeout(ANSWER_S):
        return await reader.readexactly(len(text))


async def test_in_fair_weather_everything_passes_both_ways() -> None:
    async with proxied_echo() as proxy, connected(proxy) as streams:
        assert await said(streams, b"hello") == b"hello"
        assert await said(streams, b"again" * 50_000) == b"again" * 50_000


async def test_a_cut_breaks_old_and_new_connections_after_so_many_bytes_until_it_is_lifted() -> None:
    async with proxied_echo() as proxy, connected(proxy) as old:
        assert await said(old, b"hello") == b"hello"
        proxy.weather("cut", 3)
        async with connected(proxy) as new:
            for streams in (old, new):
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await said(streams, b"hello")
        assert proxy.cuts == 2
        proxy.weather("pass")
        async with connected(proxy) as later:
            assert await said(later, b"hello") == b"hello"


async def test_a_black_hole_swallows_nothing_for_good() -> None:
    async with proxied_echo() as proxy, connected(proxy) as streams:
        proxy.weather("black_hole")
        answer = asyncio.ensure_future(said(streams, b"hello"))
        done, _ = await asyncio.wait({answer}, timeout=0.2)
        assert not done
        proxy.weather("pass")
        assert await answer == b"hello"


async def test_a_delay_holds_every_piece_back() -> None:
    async with proxied_echo() as proxy, connected(proxy) as streams:
        proxy.weather("delay", 100)
        began_s = monotonic_s()
        assert await said(streams, b"hello") == b"hello"
        assert monotonic_s() - began_s >= 0.2  # there and back


async def test_a_server_that_is_away_is_a_broken_connection() -> None:
    async with proxied_echo() as proxy:
        port = proxy.port
    async with Proxy("gone", port) as gone, connected(gone) as streams:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await said(streams, b"hello")
