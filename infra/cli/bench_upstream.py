"""An OpenAI-compatible upstream whose tokens say when they were sent: `python -m infra.cli.bench_upstream`.

Every token's text is "@<CLOCK_MONOTONIC ns>;", taken right before the write, so that a client on the same machine can
tell how long it was under way. The model's name sets the pace: `fast`, or `paced-<ms>`; `max_tokens` sets the number.
Listens on a free loopback port, writes it to stdout as one line, and ends when its stdin is closed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

import uvloop
from aiohttp import web

DEFAULT_TOKENS = 100
MAX_TOKENS = 100_000
_PACE = re.compile(r"paced-([0-9]+(?:\.[0-9]+)?)")
_YIELD_EVERY = 64
_MUCH_UNSENT = 256 * 1024


def make_app() -> web.Application:
    """The upstream as an application: /v1/models and /v1/chat/completions."""
    app = web.Application()
    app.router.add_get("/v1/models", _models)
    app.router.add_post("/v1/chat/completions", _chat)
    return app


async def _models(request: web.Request) -> web.Response:
    return web.json_response(
        {"object": "list", "data": [{"id": name, "object": "model"} for name in ("fast", "paced-20")]}
    )


async def _chat(request: web.Request) -> web.StreamResponse:
    began = asyncio.get_running_loop().time()
    try:
        body = await request.json()
        model = str(body["model"])
        tokens = int(body.get("max_tokens") or body.get("max_completion_tokens") or DEFAULT_TOKENS)
        stream = bool(body.get("stream"))
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _refusal("the body is not a chat completion request")
    if not 1 <= tokens <= MAX_TOKENS:
        return _refusal(f"max_tokens must be 1 to {MAX_TOKENS}")
    pace = _PACE.search(model)
    gap_s = float(pace[1]) / 1000 if pace else 0.0
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    if not stream:
        await asyncio.sleep(tokens * gap_s)
        message = {"role": "assistant", "content": "".join(f"@{time.monotonic_ns()};" for _ in range(tokens))}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({**_head(model, "chat.completion"), "choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    assert request.transport is not None  # noqa: S101 - it was there for the head
    await _stream(response, request.transport, model, tokens, gap_s, began)
    if wants_usage:
        await response.write(_event({**_head(model), "choices": [], "usage": usage}))
    await response.write(b"data: [DONE]\n\n")
    return response


async def _stream(
    response: web.StreamResponse,
    transport: asyncio.Transport,
    model: str,
    tokens: int,
    gap_s: float,
    began: float,
) -> None:
    loop = asyncio.get_running_loop()
    first, later = (_around_text(model, delta) for delta in ({"role": "assistant", "content": "?"}, {"content": "?"}))
    for n in range(tokens):
        # The schedule is absolute: one late token does not make the next ones late.
        if gap_s and (wait_s := began + n * gap_s - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        elif n % _YIELD_EVERY == _YIELD_EVERY - 1:
            await asyncio.sleep(0)
        before, after = later if n else first
        event = b"%b@%d;%b" % (before, time.monotonic_ns(), after)
        if n == 0 or transport.get_write_buffer_size() > _MUCH_UNSENT:
            # The first write also sends the head; a slow reader is waited for.
            await response.write(event)
        else:
            # Past aiohttp's writer: a token costs a third, and the machine that is measured has few cores.
            transport.write(b"%x\r\n%b\r\n" % (len(event), event))
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    await response.write(_event({**_head(model), "choices": [last]}))


def _around_text(model: str, delta: dict[str, str]) -> tuple[bytes, bytes]:
    """An event up to a delta's text "?", and from there on."""
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    before, after = _event({**_head(model), "choices": [choice]}).split(b"?")
    return before, after


def _head(model: str, kind: str = "chat.completion.chunk") -> dict[str, object]:
    return {"id": "chatcmpl-bench", "object": kind, "created": 0, "model": model.replace("?", "")}


def _event(document: dict[str, object]) -> bytes:
    return b"data: %b\n\n" % json.dumps(document).encode()


def _refusal(message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=400)


async def serve() -> None:
    """Serve until stdin is closed."""
    runner = web.AppRunner(make_app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as main:
        main.run(serve())
