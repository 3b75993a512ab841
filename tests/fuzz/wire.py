"""An HTTP client over raw sockets that sends whatever it is told, and reads an answer by the letter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_HEAD_BYTES = 256 * 1024
MOST_ANSWER_BYTES = 64 * 1024 * 1024
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


async def exchange(
    port: int,
    writes: Sequence[bytes],
    *,
    timeout_s: float,
    then_shut: bool = False,
    on_data: Callable[[], None] | None = None,
) -> Answer:
    """Send `writes` to a port of loopback and read the one answer. Never raises for what the other end does.

    The answer is read while it is sent, as a server may refuse before all has arrived. `then_shut`: no more follows.
    `on_data` is called for each chunk of the body.
    """
    reader: asyncio.StreamReader
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MOST_HEAD_BYTES)
    except (OSError, TimeoutError) as error:
        return Answer(problem=f"no connection ({type(error).__name__})")

    async def send() -> None:
        try:
            for data in writes:
                writer.write(data)
                await writer.drain()
            if then_shut and writer.can_write_eof():
                writer.write_eof()
        except OSError:
            pass  # refused meanwhile; the answer says why

    sending = asyncio.ensure_future(send())
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(reader, on_data)
    except TimeoutError:
        return Answer(problem=f"no whole answer within {timeout_s:g} s")
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, on_data: Callable[[], None] | None) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return Answer(problem=f"closed after {len(error.partial)} bytes of a head")
    except (OSError, asyncio.LimitOverrunError) as error:
        return Answer(problem=f"no head ({type(error).__name__})")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        return Answer(problem="the first line is no status line")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name
    }
    status, body, problem = int(words[1]), b"", ""
    try:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, problem = await _chunks(reader, on_data)
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        elif status not in (204, 304):
            body = await reader.read(MOST_ANSWER_BYTES)
    except asyncio.IncompleteReadError as error:
        body, problem = error.partial, "the body is shorter than was said"
    except (OSError, ValueError) as error:
        problem = f"the body broke off ({type(error).__name__})"
    return Answer(status, headers, body, problem)


async def _chunks(reader: asyncio.StreamReader, on_data: Callable[[], None] | None) -> tuple[bytes, str]:
    """(body, problem)."""
    parts: list[bytes] = []
    try:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
            if on_data is not None:
                on_data()
        await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, OSError, ValueError, asyncio.LimitOverrunError) as error:
        return b"".join(parts), f"the chunks broke off ({type(error).__name__})"
    return b"".join(parts), ""
