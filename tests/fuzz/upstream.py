"""An upstream over raw sockets: it answers each request as its plan says, byte by byte, valid HTTP or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.fuzz.plans import HOLD_S, Event, Plan, as_data

CASE = re.compile(r"fuzz case (\w+-\d+)")
ELSEWHERE = "ELSEWHERE"
READ_TIMEOUT_S = 20.0
MAX_BODY_BYTES = 64 * 1024 * 1024


def case_prompt(case: str, canary: str = "") -> str:
    """The prompt by which the upstream knows which answer is asked for."""
    return f"fuzz case {case} {canary}".strip()


def spoken(text: str, *, reason: str = "stop") -> Plan:
    """A plain right answer."""
    choice: dict[str, Any] = {"index": 0, "delta": {"content": text}}
    end = {"index": 0, "delta": {}, "finish_reason": reason}
    return Plan((Event(as_data({"choices": [choice]})), Event(as_data({"choices": [end]})), Event(as_data("[DONE]"))))


def paced(words: int, pause_s: float) -> Plan:
    """A long answer at an even pace; word n is `n `."""
    events = [
        Event(as_data({"choices": [{"index": 0, "delta": {"content": f"{number} "}}]}), pause_s)
        for number in range(words)
    ]
    return Plan((*events, *spoken("end").events))


class Upstream:
    """`plans`: what is answered, by the case that the prompt names; others get `fallback`. Use with `async with`.

    `calls` counts the requests of each case; `strays` those that came where redirects point.
    """

    def __init__(self, plans: Mapping[str, Plan], fallback: Callable[[str], Plan] | None = None) -> None:
        self.plans = dict(plans)
        self.calls: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        self.times: dict[str, list[float]] = {}
        self.left: dict[str, float] = {}
        self.strays = 0
        self._fallback = fallback or (lambda _: spoken("ok"))
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def address(self) -> str:
        """For models.toml."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Upstream:
        self._servers = [
            await asyncio.start_server(self._serve, "127.0.0.1", 0),
            await asyncio.start_server(self._stray, "127.0.0.1", 0),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _stray(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.strays += 1
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                while await self._one(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; True if the connection may bring another."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            head = await reader.readuntil(b"\r\n\r\n")
            size = int((re.search(rb"(?i)content-length: *(\d+)", head) or [b"", b"0"])[1])
            body = await reader.readexactly(min(size, MAX_BODY_BYTES))
        if head.startswith(b"GET "):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return True
        asked: dict[str, Any] = json.loads(body)
        named = CASE.search(str(asked["messages"][-1]["content"]))
        case = named[1] if named else ""
        self.calls[case] += 1
        self.times.setdefault(case, []).append(asyncio.get_running_loop().time())
        self.bodies[case] = asked
        plan = self.plans.get(case) or self._fallback(str(asked["messages"][-1]["content"]))
        return await self._answer(plan, reader, writer, case)

    async def _answer(self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, case: str) -> bool:
        """True if the connection stays, as those of most servers do behind an answer that says where it ends."""
        elsewhere = f"http://127.0.0.1:{self._servers[1].sockets[0].getsockname()[1]}/v1/chat/completions"
        gone = asyncio.ensure_future(reader.read(1))
        try:
            for pause_s, data in plan.writes():
                if pause_s and await _first(gone, pause_s):
                    self.left[case] = asyncio.get_running_loop().time()
                    return False
                writer.write(data.replace(ELSEWHERE.encode(), elsewhere.encode()))
                await writer.drain()
            if plan.end == "hold" and await _first(gone, HOLD_S):
                self.left[case] = asyncio.get_running_loop().time()
            if plan.end == "reset":
                _reset(writer)
            return plan.end == "close" and plan.framing in ("chunked", "length") and not gone.done()
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


async def _first(gone: asyncio.Future[bytes], timeout_s: float) -> bool:
    """Whether the other end left within this time."""
    await asyncio.wait([gone], timeout=timeout_s)
    return gone.done()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a RST: what the other end has not read by now may be lost."""
    link = writer.get_extra_info("socket")
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.contextmanager
def serving(plans: Mapping[str, Plan], fallback: Callable[[str], Plan] | None = None) -> Iterator[Upstream]:
    """An upstream on a loop of its own, in a thread: nothing that the caller does holds it up."""
    upstream, ready = Upstream(plans, fallback), threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with upstream:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="upstream")
    thread.start()
    try:
        assert ready.wait(10), "the upstream did not start"
        yield upstream
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
        loop.close()
