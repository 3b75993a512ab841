"""A closed loop of streams against an OpenAI-compatible API, timing every stamped token.

Speaks HTTP/1.1 on bare protocols: a client library costs more CPU a token than the stack it would measure.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

from infra.cli.terminal import one_line

REQUEST_TIMEOUT_S = 120.0
_STAMP = re.compile(rb"@([0-9]{8,20});")
_LONGEST_STAMP = 22
_DONE = b"data: [DONE]"
_MAX_ERROR_BYTES = 200


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` at a time, each making `requests` of `tokens` tokens one after another; begun spread over `ramp_s`."""

    streams: int
    requests: int
    tokens: int
    ramp_s: float


@dataclass(slots=True)
class Sample:
    """What came of a load. Nanoseconds. `latencies_ns`: token received less its stamp."""

    first_token_ns: list[int] = field(default_factory=list)
    latencies_ns: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wall_ns: int = 0

    @property
    def tokens(self) -> int:
        return len(self.latencies_ns)

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / (self.wall_ns / 1e9) if self.wall_ns else 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send requests. `base_url` is of scheme http and ends in /v1."""

    base_url: str
    key: str
    model: str

    def request(self, tokens: int) -> bytes:
        """A whole request for a stream of so many tokens."""
        url = urlsplit(self.base_url)
        message = {"role": "user", "content": "Say something."}
        document = {"model": self.model, "stream": True, "max_tokens": tokens, "messages": [message]}
        body = json.dumps(document).encode()
        lines = [
            f"POST {url.path}/chat/completions HTTP/1.1",
            f"Host: {url.netloc}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            f"Content-Length: {len(body)}",
            *([f"Authorization: Bearer {self.key}"] if self.key else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def run_load(target: Target, load: Load) -> Sample:
    """Run a load to its end. A request counts as an error unless every token came, once, in order, and [DONE]."""
    sample = Sample()
    began = time.monotonic_ns()
    async with asyncio.TaskGroup() as tasks:
        for n in range(load.streams):
            tasks.create_task(_run_stream(target, load, load.ramp_s * n / load.streams, sample))
    sample.wall_ns = time.monotonic_ns() - began
    return sample


async def _run_stream(target: Target, load: Load, delay_s: float, sample: Sample) -> None:
    await asyncio.sleep(delay_s)
    loop = asyncio.get_running_loop()
    url = urlsplit(target.base_url)
    request = target.request(load.tokens)
    connection: _Connection | None = None
    try:
        for _ in range(load.requests):
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    if connection is None or connection.closed:
                        host, port = url.hostname or "127.0.0.1", url.port or 80
                        connection = (await loop.create_connection(_Connection, host, port))[1]
                    answer = _Answer(load.tokens, sample, loop.create_future())
                    connection.send(request, answer)
                    await answer.finished
                error = answer.error
            except (OSError, TimeoutError) as failure:
                error = one_line(str(failure)) or type(failure).__name__
            if error:
                sample.errors.append(error)
                if connection is not None:
                    connection.close()
    finally:
        if connection is not None:
            connection.close()


class _Answer:
    """One answer as it comes in. `error` says what was wrong with it, once `finished`."""

    def __init__(self, tokens: int, sample: Sample, finished: asyncio.Future[None]) -> None:
        self._tokens = tokens
        self._sample = sample
        self._sent_ns = time.monotonic_ns()
        self._seen = 0
        self._last = 0
        self._rest = b""
        self._done = False
        self._failed = ""
        self.status = 0
        self.finished = finished

    def take(self, data: bytes, now_ns: int) -> None:
        """Part of the body, received at `now_ns`."""
        rest = self._rest + data
        end = 0
        for stamp in _STAMP.finditer(rest):
            at_ns = int(stamp[1])
            if at_ns < self._last:
                self._failed = "tokens came out of order"
            if not self._seen:
                self._sample.first_token_ns.append(now_ns - self._sent_ns)
            self._sample.latencies_ns.append(now_ns - at_ns)
            self._seen, self._last, end = self._seen + 1, at_ns, stamp.end()
        self._done = self._done or _DONE in rest
        # Half a stamp may stand at the end; what was counted must not stay. An error's text is kept whole.
        keep = _LONGEST_STAMP if self.status == 200 else _MAX_ERROR_BYTES
        self._rest = rest[max(end, len(rest) - keep) :]

    @property
    def error(self) -> str:
        if self.status != 200:
            return one_line(f"HTTP {self.status}: {self._rest.decode(errors='replace')}")
        if self._failed:
            return self._failed
        if self._seen != self._tokens:
            return f"{self._seen} of {self._tokens} tokens came"
        return "" if self._done else "the stream has no [DONE]"


class _Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: _Answer | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._now_ns = 0
        self.closed = False

    def send(self, request: bytes, answer: _Answer) -> None:
        assert self._transport is not None  # noqa: S101 - create_connection returns connected ones
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of a class of their own.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._now_ns = time.monotonic_ns()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._finish(ConnectionError(f"the answer is not HTTP: {error}"))
            self.close()

    def on_headers_complete(self) -> None:
        if self._answer is not None:
            self._answer.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if self._answer is not None:
            self._answer.take(data, self._now_ns)

    def on_message_complete(self) -> None:
        self.closed = not self._parser.should_keep_alive()
        self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._finish(error or ConnectionError("the connection was closed before the answer ended"))

    def _finish(self, error: Exception | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.finished.done():
            if error is None:
                answer.finished.set_result(None)
            else:
                answer.finished.set_exception(error)
