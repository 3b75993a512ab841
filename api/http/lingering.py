"""Closes a connection whose client is still sending, so that the response arrives.

A socket that is closed with unread data resets the connection, and a reset may destroy an answer that is on its way
(RFC 9112, section 9.6). So the writing half is closed first; what still comes is thrown away until the client has
closed too, for at most LINGER_S seconds and MAX_LINGER_BYTES.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

LINGER_S = 2.0
MAX_LINGER_BYTES = 16 * 1024 * 1024


class LingeringTransport(asyncio.Transport):
    """A transport whose `close` lingers where `is_sending` says that its client may still send."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, is_sending: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._is_sending = is_sending
        self._timer: asyncio.TimerHandle | None = None
        self._discarded = 0
        self._closed = False

    @property
    def lingers(self) -> bool:
        """Whether the answer is out, and the client's end is awaited."""
        return self._timer is not None

    def discard(self, data: bytes) -> None:
        """Count what came while lingering; too much ends it."""
        self._discarded += len(data)
        if self._discarded > MAX_LINGER_BYTES:
            self.stop()
            self._transport.close()

    def stop(self) -> None:
        """Wait for the client no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        if self.is_closing():
            return
        self._closed = True
        if not self._is_sending() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._timer = self._loop.call_later(LINGER_S, self._transport.close)
        self._transport.write_eof()
        self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self._closed or self._transport.is_closing()

    def abort(self) -> None:
        self._closed = True
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()
