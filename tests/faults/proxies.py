"""A TCP proxy that can be told to cut, delay or swallow: it stands between our processes and a server in fault runs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal

from infra.clock import monotonic_s

CHUNK_BYTES = 64 * 1024
CONNECT_TIMEOUT_S = 5.0
TICK_S = 0.1

Mode = Literal["pass", "cut", "delay", "black_hole"]


@dataclass(slots=True)
class Weather:
    """What happens to every byte now. `amount`: bytes a connection lives for, or milliseconds that each piece waits."""

    mode: Mode = "pass"
    amount: int = 0


class Proxy:
    """One listener on loopback in front of one server. Start it with `async with`; tell it by `weather`.

    `cut`: each connection, old or new, breaks after `amount` more bytes. `delay`: every piece waits. `black_hole`:
    connections are taken and stay open, and nothing passes; what came meanwhile passes when the hole closes.
    """

    def __init__(self, server: str, port: int) -> None:
        self.server = server
        self.cuts = 0
        self._target = port
        self._weather = Weather()
        self._era = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._listener is not None, "used before its start"
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def weather(self, mode: Mode, amount: int = 0) -> None:
        """From now on this happens to all connections."""
        self._weather = Weather(mode, amount)
        self._era += 1
        if mode == "black_hole":
            self._flows.clear()
        else:
            self._flows.set()

    async def __aenter__(self) -> Proxy:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        self.weather("pass")
        for writer in self._open:
            _abort(writer)
        await self._idle.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_writer: asyncio.StreamWriter | None = None
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        if far_writer is None:
            _abort(writer)
            return
        both = {writer, far_writer}
        self._open |= both
        self._idle.clear()
        try:
            # The end of either direction ends both: no protocol here lives on half a connection.
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pump(reader, far_writer))
                directions.create_task(self._pump(far_reader, writer))
        except* (_Broken, OSError):
            self.cuts += self._weather.mode == "cut"
        finally:
            self._open -= both
            if not self._open:
                self._idle.set()
            _abort(writer)
            _abort(far_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        era, left = self._era, self._weather.amount
        while data := await reader.read(CHUNK_BYTES):
            if era != self._era:
                era, left = self._era, self._weather.amount
            if self._weather.mode == "delay":
                await asyncio.sleep(self._weather.amount / 1000)
            elif self._weather.mode == "cut":
                if len(data) >= left:
                    writer.write(data[:left])
                    await writer.drain()
                    raise _Broken
                left -= len(data)
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        raise _Broken


class _Broken(Exception):
    """One end is gone, or was cut off."""


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close at once, with a reset where bytes were on their way."""
    writer.transport.abort()


async def until_listening(port: int, timeout_s: float) -> None:
    """Return once somebody listens on a port of loopback. Raises TimeoutError."""
    until_s = monotonic_s() + timeout_s
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if monotonic_s() > until_s:
                raise TimeoutError(f"nobody listens on port {port} after {timeout_s:g} s") from None
            await asyncio.sleep(TICK_S)
        else:
            writer.close()
            return
