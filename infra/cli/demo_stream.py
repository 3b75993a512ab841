"""The demo's client: resumes an answer's stream after every break and keeps every frame."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from infra.cli.chat_errors import refusal
from infra.cli.chat_wire import BadStream, Frame, FrameReader, MessageStart, event_of
from infra.cli.demo_check import TERMINALS, Stored
from infra.cli.terminal import UserError
from infra.clock import monotonic_s
from infra.ids import draw_id

REQUEST_TIMEOUT_S = 10.0
AGAIN_S = 0.1
_MAX_ERROR_BYTES = 64 * 1024
_TRY_AGAIN = frozenset({429, 502, 503, 504})


class _Broken(Exception):
    """The connection broke or the server asks to try again; why, in words."""


@dataclass(slots=True)
class Transcript:
    """What has come of one answer: its frames, when each came, and how often it was connected to."""

    generation_id: str = ""
    frames: list[Frame] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    connections: int = 0

    @property
    def ended(self) -> bool:
        return bool(self.frames) and self.frames[-1].event in TERMINALS

    @property
    def last_seq(self) -> int:
        return self.frames[-1].seq if self.frames else -1


class DemoClient:
    """For one key. A request that fails in a way that passes is made again, until the caller's own limit."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """`session` carries the key. The caller sets the time limit: nothing here has one."""
        self._session = session
        self._url = url.rstrip("/")

    async def new_conversation(self, title: str, model: str) -> str:
        """Begin a conversation; its id. Raises UserError."""
        path, body = "/api/v1/conversations", {"title": title, "model": model}
        created = await self._persistently("POST", path, {"json": body, "headers": {"Idempotency-Key": draw_id()}})
        return str(created["id"])

    async def follow(
        self, conversation_id: str, prompt: str, transcript: Transcript, news: Callable[[Frame | str], None]
    ) -> None:
        """Ask and read to the end, over as many connections as it takes. `news` gets each frame and each break.

        Raises UserError for what the API refuses.
        """
        key, told = draw_id(), ""
        while not transcript.ended:
            path, request = f"/api/v1/conversations/{conversation_id}/messages", {"json": {"content": prompt}}
            method, headers = "POST", {"Idempotency-Key": key}
            if transcript.generation_id:
                method, path, request = "GET", f"/api/v1/generations/{transcript.generation_id}/stream", {}
                headers = {"Last-Event-ID": str(transcript.last_seq)}
            try:
                connection = self._frames(method, path, {**request, "headers": headers}, transcript)
                async with contextlib.aclosing(connection) as frames:
                    async for frame in frames:
                        transcript.frames.append(frame)
                        transcript.at_s.append(monotonic_s())
                        told = ""
                        news(frame)
                if not transcript.ended:
                    raise _Broken("it ended before the answer did")
            except _Broken as broken:
                if str(broken) != told:
                    told = str(broken)
                    news(told)
                await asyncio.sleep(AGAIN_S)

    async def read_again(self, generation_id: str) -> tuple[Frame, ...]:
        """The whole stream of an ended answer, from its beginning, in one connection. Raises UserError."""
        path = f"/api/v1/generations/{generation_id}/stream"
        while True:
            try:
                async with contextlib.aclosing(self._frames("GET", path, {}, Transcript())) as frames:
                    return tuple([frame async for frame in frames])
            except _Broken:
                await asyncio.sleep(AGAIN_S)

    async def stored(self, conversation_id: str, generation_id: str) -> Stored:
        """The answer's message, once it is there and runs no more. Raises UserError."""
        path = f"/api/v1/conversations/{conversation_id}/messages"
        while True:
            page = await self._persistently("GET", path, {})
            for message in page["data"]:
                if message["id"] == generation_id and message["status"] != "running":
                    return Stored(str(message["status"]), str(message["content"]))
            await asyncio.sleep(AGAIN_S)

    async def _frames(
        self, method: str, path: str, request: dict[str, Any], transcript: Transcript
    ) -> AsyncGenerator[Frame]:
        """The frames of one connection. Raises _Broken, UserError."""
        reader = FrameReader()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_S)
        try:
            async with self._session.request(method, self._url + path, timeout=timeout, **request) as response:
                await _accept(response)
                transcript.connections += 1
                async for data in response.content.iter_any():
                    for frame in reader.feed(data):
                        if frame.event == "message_start" and not transcript.generation_id:
                            transcript.generation_id = _generation_of(frame)
                        yield frame
        except aiohttp.ClientConnectorError:
            raise _Broken("the API cannot be reached") from None
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise _Broken("it broke in the middle") from None
        except BadStream as error:
            raise UserError(str(error)) from None

    async def _persistently(self, method: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        while True:
            try:
                async with self._session.request(method, self._url + path, timeout=timeout, **request) as response:
                    await _accept(response)
                    found: dict[str, Any] = await response.json()
                    return found
            except (aiohttp.ClientError, OSError, TimeoutError, _Broken):
                await asyncio.sleep(AGAIN_S)


async def _accept(response: aiohttp.ClientResponse) -> None:
    """Raises _Broken for an error that passes, UserError for one that does not."""
    if response.status in _TRY_AGAIN:
        raise _Broken(f"the API answers {response.status}")
    if response.status >= 400:
        raise refusal(response.status, await response.content.read(_MAX_ERROR_BYTES))


def _generation_of(frame: Frame) -> str:
    """Raises BadStream."""
    match event_of(frame):
        case MessageStart(message_id=generation_id):
            return generation_id
        case _:
            raise BadStream("a stream that does not begin with message_start")
