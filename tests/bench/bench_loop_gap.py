"""The longest gap of a paced stream, with and without somebody who sends the worst bodies beside it, on a whole stack.

    python -m tests.bench.bench_loop_gap [--pairs 7] [--seconds 4] [--only refused,taken]

It starts a stack of its own in a temporary folder. Refused bodies go to a model with a small context; bodies that are
taken to one so large that nothing of 4 MiB is too long for it, whose upstream answers at once. Each pair is one stream
without and one with a sender who posts body after body; what is told is the median of the gaps, and of the differences.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from tests import large_bodies
from tests.e2e.stack import Stack, free_port
from tests.stack_fixture import SCRIPTED_MODELS

TOKENS_PER_S = 50
PAIRS = 7
SECONDS = 4.0
MODELS = """
[[model]]
id = "paced"
engine = "openai"
address = "{address}"
context_tokens = 16384
max_output_tokens = 8192
price = {{ version = "1", currency = "USD", input = "0", output = "0" }}

[[model]]
id = "vast"
engine = "openai"
address = "{address}"
context_tokens = 8000000
max_output_tokens = 8192
price = {{ version = "1", currency = "USD", input = "0", output = "0" }}
"""


@asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    """Writes tokens at a fixed pace for `paced`, one token for `vast`; its base URL."""
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", _chat)
    app.router.add_get("/v1/models", _models)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _models(request: web.Request) -> web.Response:
    return web.json_response(
        {"object": "list", "data": [{"id": name, "object": "model"} for name in ("paced", "vast")]}
    )


async def _chat(request: web.Request) -> web.StreamResponse:
    # The model's name stands in front; parsing 4 MB here would hold up the streams that are measured.
    paced = b'"paced"' in (await request.read())[:2_000]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n in range(10_000 if paced else 1):
        if (wait_s := began + n / TOKENS_PER_S - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        if request.transport is None or request.transport.is_closing():
            return response  # the stream has been measured
        await response.write(_event({"content": "x"}, None))
    await response.write(_event({}, "stop"))
    await response.write(b"data: [DONE]\n\n")
    return response


def _event(delta: Mapping[str, str], finish: str | None) -> bytes:
    return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode()


async def longest_gap_ms(stack: Stack, seconds: float) -> float:
    """Of one stream, over so many seconds from its fifth frame on."""
    body = {"model": "paced", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    headers = {"Authorization": f"Bearer {stack.key}"}
    gaps: list[float] = []
    async with (
        httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        frames = 0
        began = last = 0.0
        async for _ in answer.aiter_bytes():
            now = time.perf_counter()
            frames += 1
            if frames > 5:
                gaps.append((now - last) * 1000)
                if now - began > seconds:
                    break
            else:
                began = now
            last = now
    return max(gaps)


class Sender:
    """Posts bodies one after the other from a thread of its own, and counts the answers by status."""

    def __init__(self, stack: Stack, bodies: Mapping[str, bytes]) -> None:
        self._stack = stack
        self._bodies = itertools.cycle(bodies.values())
        self.answers: dict[int, int] = {}
        self.slowest_s = 0.0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._post, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            # The upstream that answers the last body runs on this loop.
            await asyncio.to_thread(thread.join)

    def _post(self, stop: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {self._stack.key}", "Content-Type": "application/json"}
        while not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._stack.port, timeout=120)
            began = time.perf_counter()
            try:
                connection.request("POST", "/v1/chat/completions", next(self._bodies), headers)
                answer = connection.getresponse()
                answer.read()
                self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
                self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
            finally:
                connection.close()


def vast_bodies() -> dict[str, bytes]:
    """What is refused elsewhere for its length alone is taken here."""
    longest = ("digits", "prose", "quotes", "emoji", "beginnings of control tokens", "4,096 messages of two words")
    refused = large_bodies.refused("vast")
    return {**large_bodies.taken("vast"), **{name: refused[name] for name in longest}}


async def measured(stack: Stack, name: str, bodies: Mapping[str, bytes], pairs: int, seconds: float) -> None:
    without: list[float] = []
    beside: list[float] = []
    sender = Sender(stack, bodies)
    for _ in range(pairs):
        without.append(await longest_gap_ms(stack, seconds))
        async with sender.at_work():
            beside.append(await longest_gap_ms(stack, seconds))
    more = [two - one for one, two in zip(without, beside, strict=True)]
    shown: dict[str, Any] = {"without": without, "beside": beside, "difference": more}
    for what, values in shown.items():
        goal = "   must reach <= 100" if what == "difference" else ""
        each = ", ".join(f"{value:.0f}" for value in values)
        print(f"{name:8} longest gap, {what:11} median {statistics.median(values):6.0f} ms ({each}){goal}", flush=True)
    print(f"{name:8} answers by status {sender.answers}, slowest {sender.slowest_s:.1f} s", flush=True)


async def run(pairs: int, seconds: float, only: str) -> None:
    with tempfile.TemporaryDirectory(prefix="verbatim-gap-") as folder:
        async with upstream() as address:
            models = Path(folder) / "models.toml"
            models.write_text(MODELS.format(address=address))
            stack = Stack(Path(folder) / "state", free_port())
            up = ("up", "--detach", "--port", str(stack.port), "--models", str(models))
            started = await asyncio.to_thread(stack.verbatim, *up, timeout_s=300, env=os.environ | SCRIPTED_MODELS)
            try:
                assert started.returncode == 0, started.stdout + started.stderr
                await longest_gap_ms(stack, 2 * seconds)  # the servers' JVMs, just started, still compile
                for name, bodies in (("refused", large_bodies.refused("paced")), ("taken", vast_bodies())):
                    if name in only:
                        await measured(stack, name, bodies, pairs, seconds)
            finally:
                await asyncio.to_thread(stack.verbatim, "down")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", default="refused,taken")
    asked = parser.parse_args()
    asyncio.run(run(asked.pairs, asked.seconds, asked.only))


if __name__ == "__main__":
    main()
