"""A real HTTP server that speaks Chat Completions, well or badly as the last message asks.

An ordinary message is repeated, a byte of UTF-8 a token at a time where JSON allows it (a character a token). A message
that begins with a word in capitals misbehaves:

    STALL …  stops after three tokens     SLEEP …  sends nothing at all       DIE …  closes after three tokens
    SPLIT …  TCP pieces of one byte       NODONE …  no [DONE]                 NOUSAGE …  no usage
    GARBAGE … an event that is not JSON   ERROR …  {"error": …} in the stream STATUS n …  answers with HTTP n
    BURST …  as the next word says, but three tokens and what follows them arrive at once
    THINK …  thinks "Hm." before the rest, which may be one of the following
    CALL …   calls `weather` with these arguments     CALLS …  the same, and then `time` with none
    REFUSE … refuses in these words

Where `tool_choice` says that a call must come, `weather` is called whatever the message is.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from aiohttp import web

PIECE_S = 0.001


class OpenAIUpstream:
    """Started and stopped by `async with`; `url` is its base URL. `running` counts unfinished answers."""

    def __init__(self) -> None:
        self.url = ""
        self.running = 0
        self.aborted = 0
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[object] = set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> OpenAIUpstream:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") == "Bearer revoked":
            return web.json_response({"error": {"message": "bad key"}}, status=401)
        return web.json_response({"object": "list", "data": []})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self.connections.add(request.transport)
        if body["model"] == "nonesuch":
            return _refusal(404, "model_not_found", "no such model")
        order, _, text = str(body["messages"][-1]["content"]).partition(" ")
        burst = order == "BURST"
        if burst:
            order, _, text = text.partition(" ")
        if order == "STATUS":
            status, _, text = text.partition(" ")
            return _refusal(int(status), text or None, f"refused: {text}")
        thinks = order == "THINK"
        if thinks:
            order, _, text = text.partition(" ") if text.startswith("CALL") else ("", "", text)
        elif order not in ("CALL", "CALLS", "REFUSE") and body.get("tool_choice") not in (None, "none"):
            order, text = "CALL", '{"city": "Zürich"}'
        known = ("STALL", "SLEEP", "DIE", "SPLIT", "NODONE", "NOUSAGE", "GARBAGE", "ERROR", "CALL", "CALLS", "REFUSE")
        if order not in known and not thinks:
            order, text = "", str(body["messages"][-1]["content"])
        self.running += 1
        try:
            return await self._stream(request, body, order, text, burst=burst, thinks=thinks)
        except (asyncio.CancelledError, ConnectionError):
            self.aborted += 1
            raise
        finally:
            self.running -= 1

    async def _stream(
        self, request: web.Request, body: dict[str, Any], order: str, text: str, *, burst: bool, thinks: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for stop in body.get("stop", []):
            text = text.split(stop)[0]
        most = body["max_tokens"]
        tokens, reason = list(text[:most]), "length" if len(text) > most else "stop"
        if order == "SLEEP":
            await asyncio.Event().wait()
        await self._send(response, order, _chunk({"role": "assistant", "content": ""}))
        for thought in "Hm." if thinks else "":
            await self._send(response, order, _chunk({"reasoning_content": thought}))
        _hold_back(request, burst)
        if order in ("CALL", "CALLS"):
            reason = "tool_calls"
            await self._call(response, 0, "weather", tokens)
            if order == "CALLS":
                await self._call(response, 1, "time", ["{", "}"])
        elif order == "REFUSE":
            for token in tokens:
                await self._send(response, order, _chunk({"refusal": token}))
        for number, token in enumerate(tokens if order not in ("CALL", "CALLS", "REFUSE") else ()):
            if number == 3:
                await self._misbehave(request, response, order)
                _hold_back(request, False)
            await self._send(response, order, _chunk({"content": token}))
        await self._send(response, order, _chunk({}, reason))
        if order != "NOUSAGE" and body.get("stream_options", {}).get("include_usage"):
            prompt = sum(len(message["content"] or "") for message in body["messages"])
            counts = {"prompt_tokens": prompt, "completion_tokens": len(tokens), "total_tokens": prompt + len(tokens)}
            details = {"prompt_tokens_details": {"cached_tokens": 1}}
            await self._send(response, order, {"choices": [], "usage": counts | details})
        if order != "NODONE":
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _call(self, response: web.StreamResponse, index: int, name: str, arguments: list[str]) -> None:
        function = {"name": name, "arguments": ""}
        begins = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        await self._send(response, "", _chunk({"tool_calls": [begins]}))
        for piece in arguments:
            await self._send(response, "", _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))

    async def _misbehave(self, request: web.Request, response: web.StreamResponse, order: str) -> None:
        match order:
            case "STALL":
                await asyncio.Event().wait()
            case "DIE":
                if request.transport is not None:
                    request.transport.close()
                raise ConnectionResetError
            case "GARBAGE":
                await response.write(b"data: <html>oops</html>\n\n")
            case "ERROR":
                await self._send(response, "", {"error": {"message": "secret prompt", "type": "server_error"}})

    async def _send(self, response: web.StreamResponse, order: str, event: dict[str, Any]) -> None:
        data = b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
        pieces = [data[at : at + 1] for at in range(len(data))] if order == "SPLIT" else [data]
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0 if order == "SPLIT" else PIECE_S)


def _hold_back(request: web.Request, held: bool) -> None:
    """While held, the kernel sends nothing (for 200 ms at most); then, or when it is closed, all at once."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, held)


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _refusal(status: int, code: str | None, message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers={"Retry-After": "3"})
