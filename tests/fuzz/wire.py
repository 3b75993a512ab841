"""An HTTP client over raw sockets that sends whatever it is told, and reads an answer by the letter."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_ANSWER_BYTES = 64 * 1024 * 1024
CONNECT_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. `status` 0: nothing that is an answer; `problem` says why, or what was wrong with a part of one."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str = ""

    @property
    def error(self) -> dict[str, Any] | None:
        """The error in OpenAI's shape; None if the body has not exactly that shape."""
        try:
            told = json.loads(self.body)["error"]
            right = set(told) == {"message", "type", "param", "code"} and isinstance(told["message"], str)
        except (ValueError, KeyError, TypeError):
            return None
        return dict(told) if right else None

    @property
    def code(self) -> str:
        return str((self.error or {}).get("code"))

    def json(self) -> Any:
        return json.loads(self.body)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """A plain right request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: fuzz", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class _Reading(asyncio.Protocol):
    """Keeps all that comes; `over` is set once the answer is whole, or nothing more can come."""

    def __init__(self, on_data: Callable[[], None] | None, *, bodiless: bool) -> None:
        self.data = bytearray()
        self.lost: str | None = None
        self.over = asyncio.Event()
        self._on_data = on_data
        self._bodiless = bodiless
        self._head_end = 0
        self._due: int | None = None
        self._chunked = False

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self._head_end and self._on_data is not None:
            self._on_data()
        if not self._head_end:
            self._read_head()
        if (self._head_end and self._is_whole()) or len(self.data) > MAX_ANSWER_BYTES:
            self.over.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = type(exc).__name__ if exc is not None else "closed"
        self.over.set()

    def _read_head(self) -> None:
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            if not self.data.startswith(b"HTTP/1.1 100"):
                self._head_end = end + 4
                head = bytes(self.data[:end]).lower()
                self._chunked = b"\r\ntransfer-encoding: chunked" in head
                length = re.search(rb"\r\ncontent-length: *(\d+)", head)
                empty = self._bodiless or re.match(rb"http/1\.\d (204|304)", head)
                self._due = 0 if empty else int(length[1]) if length else None
                return
            del self.data[: end + 4]

    def _is_whole(self) -> bool:
        if self._due is not None:
            return len(self.data) >= self._head_end + self._due
        return self._chunked and self.data.endswith(b"0\r\n\r\n")


async def exchange(
    port: int,
    writes: Sequence[bytes],
    *,
    timeout_s: float,
    then_shut: bool = False,
    on_data: Callable[[], None] | None = None,
) -> Answer:
    """Send `writes` to a port of loopback and read the one answer. Never raises for what the other end does.

    The answer is read while it is sent, as a server may refuse before all has arrived; what came before a reset counts.
    `then_shut`: no more follows. `on_data` is called for each piece of the body.
    """
    bodiless = writes[0].startswith(b"HEAD ")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reading = _Reading(on_data, bodiless=bodiless)
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: reading, "127.0.0.1", port)
    except (OSError, TimeoutError) as error:
        return Answer(problem=f"no connection ({type(error).__name__})")
    try:
        for data in writes:
            if transport.is_closing():
                break  # refused meanwhile; the answer says why
            transport.write(data)
            if len(writes) > 1:
                await asyncio.sleep(0)  # a write of its own
        if then_shut and not transport.is_closing():
            transport.write_eof()
        async with asyncio.timeout(timeout_s):
            await reading.over.wait()
    except TimeoutError:
        return Answer(problem=f"no whole answer within {timeout_s:g} s")
    finally:
        transport.abort()
    return _answer(bytes(reading.data), reading.lost, bodiless=bodiless)


def _answer(data: bytes, lost: str | None, *, bodiless: bool) -> Answer:
    """The answer in all that came. `lost`: how the connection ended, None if it did not."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return Answer(problem=f"{len(data)} bytes of a head, then {lost}")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        return Answer(problem="the first line is no status line")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status, problem = int(words[1]), ""
    if bodiless or status in (204, 304):
        rest = b""
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        rest, problem = _unchunked(rest)
    elif headers.get("content-length", "").isdigit() and len(rest) != int(headers["content-length"]):
        problem = f"{len(rest)} of {headers['content-length']} bytes, then {lost}"
    return Answer(status, headers, rest, problem)


def _unchunked(data: bytes) -> tuple[bytes, str]:
    """(body, problem)."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = data.find(b"\r\n", at)
        try:
            size = int(data[at:line_end], 16) if line_end >= 0 else -1
        except ValueError:
            size = -1
        if size == 0 and data[line_end:] == b"\r\n\r\n":
            return b"".join(parts), ""
        start, end = line_end + 2, line_end + 2 + size
        if size <= 0 or data[end : end + 2] != b"\r\n":
            return b"".join(parts), "the chunks broke off"
        parts.append(data[start:end])
        at = end + 2
