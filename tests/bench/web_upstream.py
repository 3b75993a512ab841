"""An OpenAI-compatible upstream that writes one long markdown document at a fixed pace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

TOKENS_PER_S = 200
SECONDS = 30
TOKENS = TOKENS_PER_S * SECONDS
CHARACTERS = 24_000


def document() -> str:
    """About 24 kB of what models write, every part of it numbered, so that a word lost or twice is seen."""
    parts: list[str] = []
    while len("".join(parts)) < CHARACTERS:
        parts.append(_section(len(parts)))
    return "".join(parts)[:CHARACTERS]


def _section(n: int) -> str:
    rows = "".join(f"| row {n}.{row} | {n * 100 + row} | `cell {n}.{row}` |\n" for row in range(6))
    code = "".join(f"    value_{n}_{line} = place_of({n}, {line})  # line {line}\n" for line in range(18))
    return (
        f"## Section {n}\n\nParagraph {n} says *what* was meant by **part {n}**, with a "
        f"[link {n}](https://example.com/{n}) and some more words so that it is longer than a "
        f"line, as paragraphs {n} are.\n\n"
        f"- first {n}\n  - within {n}\n  - again {n}\n- second {n}\n\n1. one {n}\n2. two {n}\n\n"
        f"| Name {n} | Number | Text |\n|:--|--:|:-:|\n{rows}\n```python\ndef part_{n}():\n{code}```\n\n"
    )


def tokens() -> list[str]:
    """The document in so many pieces as there are tokens."""
    text = document()
    return [text[len(text) * n // TOKENS : len(text) * (n + 1) // TOKENS] for n in range(TOKENS)]


@asynccontextmanager
async def paced_upstream() -> AsyncIterator[str]:
    """Its base URL, while it runs."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _chat)
    app.router.add_get("/v1/models", _models)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


async def _models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "paced", "object": "model"}]})


async def _chat(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n, token in enumerate(tokens()):
        # The schedule is absolute: one late token does not make the next ones late.
        if (wait_s := began + n / TOKENS_PER_S - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        await response.write(_event({"content": token}, None))
    await response.write(_event({}, "stop"))
    usage = {"prompt_tokens": 1, "completion_tokens": TOKENS, "total_tokens": TOKENS + 1}
    await response.write(b"data: %b\n\n" % json.dumps({**_HEAD, "choices": [], "usage": usage}).encode())
    await response.write(b"data: [DONE]\n\n")
    return response


_HEAD = {"id": "chatcmpl-web", "object": "chat.completion.chunk", "created": 0, "model": "paced"}


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % json.dumps({**_HEAD, "choices": [choice]}).encode()
