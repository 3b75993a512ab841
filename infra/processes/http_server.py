"""uvicorn, as the API process runs it: it binds its socket before anything connects, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol

import uvicorn

GRACE_S = 10
"""How long running answers may still flow after a stop was asked for; then their clients resume elsewhere."""
TICK_S = 1.0
LOST_GRACE_S = 3
"""As GRACE_S, where the log cannot be followed any more: answers do not flow then, only what is being said is."""


class Failing(Protocol):
    async def failed(self) -> None:
        """Raises once it can go on no more."""


class Server(uvicorn.Server):
    """Ends in order on SIGTERM and SIGINT; uvicorn's own way would send the signal on to this process once more.

    `on_exit` is called as soon as an end is asked for: it cuts the streams that have none of their own.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit
        self.failure: Exception | None = None
        self._asked_to_end = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_exit()
        super().handle_exit(sig, frame)
        self._asked_to_end.set()

    async def main_loop(self) -> None:
        """uvicorn's looks ten times a second whether to end; this one hears it, and ticks for the date header alone."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._asked_to_end.wait()

    async def end_with(self, tail: Failing) -> None:
        """Once `tail` fails, stop in order: no new request enters, and running responses get a moment."""
        try:
            await tail.failed()
        except Exception as error:  # whatever it is, it is raised after the end
            self.failure = self.failure or error
            self.config.timeout_graceful_shutdown = LOST_GRACE_S
            self.handle_exit(signal.SIGTERM, None)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


class CannotListen(Exception):
    """The address to serve at cannot be had."""


def listening(host: str, port: int) -> socket.socket:
    """A listening socket, had before anything is connected. Raises CannotListen with one line that says why."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.set_inheritable(False)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener
