"""An upstream with POST /v1/embeddings, a real HTTP server: the first word of the first text says how it answers."""

from __future__ import annotations

import asyncio
import base64
from hashlib import sha256
from typing import Any, Self

import numpy as np
import orjson
from aiohttp import web

from infra.models.embedding_spec import EmbeddingSpec
from schemas.price import Price

DIMENSIONS = 8
UPSTREAM = EmbeddingSpec(
    id="far",
    engine="openai",
    upstream_model="far-1",
    dimensions=DIMENSIONS,
    max_input_tokens=1000,
    price=Price("p1", "USD", 20_000, 20_000, 0),
    timeout_s=30.0,
)


def vector_of(text: str) -> list[float]:
    """What it answers for a text; not of length 1."""
    return [byte / 16 - 7 for byte in sha256(text.encode()).digest()[:DIMENSIONS]]


class EmbeddingUpstream:
    """Use it as an async context manager. `requests` and `headers`: what came. `failing`: so many calls fail first."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.failing = 0
        self.url = ""
        self._gone = asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/embeddings", self._answer)
        self._runner = web.AppRunner(app)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        (address,) = self._runner.addresses
        self.url = f"http://127.0.0.1:{address[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        if self.failing:
            self.failing -= 1
            return web.Response(status=503, text="secret")
        texts = body["input"]
        order, _, rest = texts[0].partition(" ")
        if order == "STATUS":
            code, _, words = rest.partition(" ")
            return web.Response(status=int(code), text=words, headers={"Retry-After": "3", "Location": "/elsewhere"})
        if order == "SLOW":
            await self._gone.wait()
        if order == "DIE":
            assert request.transport is not None
            request.transport.close()
        if order == "HUGE":
            return await _endless(request)
        return web.Response(body=_body(order, texts), content_type="application/json")


def _body(order: str, texts: list[str]) -> bytes:
    if order == "GARBAGE":
        return b"<html>secret</html>"
    if order == "LITERAL":
        return texts[0].partition(" ")[2].encode()
    said: list[Any] = [vector_of(text) for text in texts]
    match order:
        case "FEWER":
            said = said[1:]
        case "MORE":
            said = [*said, said[0]]
        case "NARROW":
            said[0] = said[0][1:]
        case "WORDS":
            said[0] = ["secret"] * DIMENSIONS
        case "FLAGS":
            said[0] = [True] * DIMENSIONS
        case "NONE":
            said[0] = None
        case "LARGE":
            said[0] = [1e300] * DIMENSIONS
        case "BASE64":
            said = [base64.b64encode(np.array(vector, "<f4").tobytes()).decode() for vector in said]
        case "NANS":
            said[0] = base64.b64encode(np.array([np.nan] * DIMENSIONS, "<f4").tobytes()).decode()
        case "ODD":
            said[0] = "AAAA!"
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(said)]
    match order:
        case "BACKWARDS":
            data.reverse()
        case "TWICE":
            data[-1]["index"] = 0
        case "BEYOND":
            data[-1]["index"] = len(texts)
    usage: dict[str, Any] | None = {"prompt_tokens": 3 * len(texts), "total_tokens": 3 * len(texts)}
    match order:
        case "NOUSAGE":
            usage = None
        case "MANY":
            usage = {"prompt_tokens": 10**12}
        case "MINUS":
            usage = {"prompt_tokens": -1}
    return orjson.dumps({"object": "list", "data": data, "model": "far-1", "usage": usage})


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"data": [')
    for _ in range(64):
        await response.write(b"[0.5]," * 20_000)
    return response
