"""The API as `chat` uses it: requests, and answers that survive a broken connection without losing a character."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from infra.cli.chat_errors import ApiAway, refusal
from infra.cli.chat_memory import Memory
from infra.cli.chat_wire import BadStream, FrameReader, MessageEnd, MessageStart, StreamEvent, TurnFailed, event_of
from infra.cli.terminal import UserError
from infra.ids import draw_id

REQUEST_TIMEOUT_S = 30.0
SILENCE_TIMEOUT_S = 60.0
MAX_TRIES = 8
_TOLD_AT_TRY = 3
_FIRST_DELAY_S, _MAX_DELAY_S = 0.2, 3.0
_MAX_ERROR_BYTES = 64 * 1024
_POSITION = "X-Verbatim-Position"


class _Retry(Exception):
    """Try again; after `after_s` if the server named a time. `error` is what to raise when tries are used up."""

    def __init__(self, error: UserError, after_s: float | None = None) -> None:
        self.error = error
        self.after_s = after_s


@dataclass(slots=True)
class Answer:
    """An answer as it comes in. `generation_id` is known once `message_start` came; `seen` is the last frame's seq."""

    key: str
    generation_id: str | None = None
    seen: int = -1
    ended: bool = False


class ChatApi:
    """One client for one key. `memory` is kept up to date with every answer's position token."""

    def __init__(self, session: aiohttp.ClientSession, url: str, memory: Memory, tell: Callable[[str], None]) -> None:
        """`tell` gets a remark when an answer's connection is hard to take up again."""
        self._session = session
        self._url = url
        self._tell = tell
        self.memory = memory

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(
        cls, url: str, key: str, memory: Memory, tell: Callable[[str], None] = lambda remark: None
    ) -> AsyncIterator[ChatApi]:
        """A client for the block. Connects at the first request."""
        # Between two prompts the loop does not run, so a kept connection could die unseen: a fresh one each time.
        connector = aiohttp.TCPConnector(force_close=True)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            yield cls(session, url.rstrip("/"), memory, tell)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A read that sees all this client wrote. Raises ApiRefused, ApiAway."""
        return await self._request("GET", path, query=query)

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A write, sent again with the same idempotency key until it is answered. Raises ApiRefused, ApiAway."""
        return await self._request("POST", path, body=body, headers={"Idempotency-Key": draw_id()})

    async def stream(
        self, conversation_id: str, content: str, model: str | None, answer: Answer
    ) -> AsyncGenerator[StreamEvent]:
        """The answer to a prompt, each event once and in order, ending with MessageEnd or TurnFailed.

        `answer` tells meanwhile how far it is. A broken connection is taken up again after the last event seen, at
        most MAX_TRIES times in a row without progress. Raises ApiRefused, ApiAway.
        """
        body = {"content": content} | ({"model": model} if model else {})
        tries = 0
        while True:
            before = answer.seen
            try:
                async with contextlib.aclosing(self._part(conversation_id, body, answer)) as events:
                    async for event in events:
                        yield event
                if answer.ended:
                    return
                failure = _Retry(ApiAway(self._url, "the stream broke off"))
            except _Retry as retry:
                failure = retry
            tries = 1 if answer.seen > before else tries + 1
            if tries >= MAX_TRIES:
                raise failure.error
            if tries == _TOLD_AT_TRY:
                self._tell("the answer's connection broke, trying again …")
            await asyncio.sleep(_delay_s(tries, failure.after_s))

    async def cancel(self, answer: Answer) -> None:
        """Ask for the end of an answer that has begun. Raises ApiRefused, ApiAway."""
        if answer.generation_id is not None:
            await self.post(f"/api/v1/generations/{answer.generation_id}/cancel", {"seen": max(answer.seen, 0)})

    async def _part(self, conversation_id: str, body: Mapping[str, Any], answer: Answer) -> AsyncGenerator[StreamEvent]:
        """The events of one connection that have not been seen. Raises _Retry, ApiRefused."""
        if answer.generation_id is None:
            method, path = "POST", f"/api/v1/conversations/{conversation_id}/messages"
            sent: dict[str, Any] = {"json": body, "headers": {"Idempotency-Key": answer.key}}
        else:
            method, path = "GET", f"/api/v1/generations/{answer.generation_id}/stream"
            sent = {"headers": {"Last-Event-ID": str(answer.seen), **self._position()}}
        sent["headers"]["Accept"] = "text/event-stream"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S)
        frames = FrameReader()
        try:
            async with self._session.request(method, self._url + path, timeout=timeout, **sent) as response:
                await self._accept(response)
                async for data in response.content.iter_any():
                    for frame in frames.feed(data):
                        event = event_of(frame)
                        if frame.seq <= answer.seen or event is None:
                            continue
                        answer.seen = frame.seq
                        self._note(event, answer)
                        yield event
                        if answer.ended:
                            return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _Retry(ApiAway(self._url, _reason(error))) from None
        except BadStream as error:
            raise _Retry(UserError(str(error))) from None

    def _note(self, event: StreamEvent, answer: Answer) -> None:
        match event:
            case MessageStart(message_id=generation_id):
                answer.generation_id = generation_id
            case MessageEnd() | TurnFailed():
                answer.ended = True
                self.memory = self.memory.having_seen(None, answer.generation_id)
            case _:
                pass

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(method, path, query, body, {**self._position(), **(headers or {})})
            except _Retry as retry:
                if tries >= MAX_TRIES // 2:
                    raise retry.error from None
                await asyncio.sleep(_delay_s(tries, retry.after_s))

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with self._session.request(
                method, self._url + path, params=query, json=body, headers=headers, timeout=timeout
            ) as response:
                await self._accept(response)
                found = await response.json() if response.status != 204 else {}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _Retry(ApiAway(self._url, _reason(error))) from None
        except ValueError:
            raise UserError(f"{self._url} did not answer with JSON: is it Verbatim's API?") from None
        return found if isinstance(found, dict) else {}

    async def _accept(self, response: aiohttp.ClientResponse) -> None:
        """Note the position of a good answer. Raises ApiRefused, or _Retry where trying again may help."""
        if response.status < 400:
            self.memory = self.memory.having_seen(response.headers.get(_POSITION))
            return
        refused = refusal(response.status, await response.content.read(_MAX_ERROR_BYTES))
        if response.status in (429, 502, 503, 504):
            raise _Retry(refused, _seconds(response.headers.get("Retry-After")))
        raise refused

    def _position(self) -> dict[str, str]:
        return {_POSITION: self.memory.position} if self.memory.position else {}


def _delay_s(tries: int, after_s: float | None) -> float:
    if after_s is not None:
        return min(after_s, 2 * _MAX_DELAY_S)
    return min(_MAX_DELAY_S, _FIRST_DELAY_S * 2.0 ** (tries - 1))


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
