"""/v1/responses as a WebSocket: a client sends `response.create` frames, one response is made after another.

What is sent is what a stream would send, an event a frame. Responses that are not stored can be gone on from within the
connection (api/responses/connection.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.access.auth import AccessPorts, admit_socket, author_of, limited_of, within_rate
from api.access.principal import Principal
from api.consistency.commanding import IdempotencyKey
from api.consistency.freshness import Freshness
from api.consistency.ports import FreshPorts
from api.http.bodies import Bodies, parse
from api.http.errors import ApiError, as_api_error, bad_request
from api.http.middleware import request_id_of
from api.openai.leaving import abandoning
from api.responses.connection import Kept, answer_of
from api.responses.creating import Created, Creating
from api.responses.frames import ResponseFrames
from api.responses.parameters import parameters_of
from api.responses.places import Place
from api.responses.ports import ResponsePorts
from api.responses.requests import Asked, CreateResponse, fit
from api.responses.shapes import Status, response_object
from api.responses.whole import refusal
from api.streaming.pieces import parts_said
from api.streaming.readers import Reader
from api.turns.ports import TurnPorts
from infra.clock import monotonic_s, now_us
from infra.ids import draw_id
from infra.logging import get_logger

MAX_WAITING = 8
"""Frames that wait while a response is made."""
MAX_FRAMES = 1_000
GOODBYE_S = 5.0
"""How long a client may take to be told why its connection ends."""
_POLICY, _RESTART = 1008, 1012
_GONE: Mapping[str, ApiError] = {
    "revoked": ApiError(401, "The API key was revoked.", code="invalid_api_key"),
    "expired": ApiError(401, "The API key has expired.", code="key_expired"),
    "overdue": ApiError(
        400,
        "A connection lasts 60 minutes. Open another one and go on there.",
        code="websocket_connection_limit_reached",
    ),
    "flooded": ApiError(400, f"More than {MAX_WAITING} messages wait to be answered.", code="too_many_messages"),
}

router = APIRouter()


@router.websocket("/v1/responses")
async def responses_socket(socket: WebSocket) -> None:
    """One connection, to its end."""
    ports: Mapping[type, Any] = socket.app.state.ports
    socket.scope["state"] = {"request_id": request_id_of(socket.headers.get("x-request-id")), "answer_headers": {}}
    try:
        caller = await admit_socket(socket, ports[AccessPorts])
    except Exception as error:  # told as every route tells it
        await socket.send_denial_response(as_api_error(error).response())
        return
    await socket.accept()
    await _Connection(socket, caller, ports).run()


class _Connection:
    def __init__(self, socket: WebSocket, caller: Principal, ports: Mapping[type, Any]) -> None:
        self._socket = socket
        self._caller = caller
        self._ports = ports
        self._turns: TurnPorts = ports[TurnPorts]
        self._kept = Kept()
        self._code = 1000
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue(MAX_WAITING)

    async def run(self) -> None:
        """Answer frame after frame until the client leaves, or is to get no more."""
        readers = self._turns.readers
        reader = readers.enter(self._caller.credential)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(self._serve(reader))
                hearing = tasks.create_task(self._hear(reader))
                serving.add_done_callback(lambda _: hearing.cancel())
        finally:
            readers.exit(reader)
        why = _GONE.get(reader.gone or "")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it may be closed already
            if why is not None:
                with contextlib.suppress(TimeoutError):  # it takes nothing
                    async with asyncio.timeout(GOODBYE_S):
                        await self._tell(reader, _error(why))
            await self._socket.close(self._code if why is None else _POLICY)

    async def _hear(self, reader: Reader) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                if message.get("code") == _RESTART:
                    self._code = _RESTART
                    self._inbox_put(reader, None)  # the process ends: what is being said is said
                    return
                reader.leave("disconnected")
                return
            self._inbox_put(reader, message.get("text") or "")

    def _inbox_put(self, reader: Reader, frame: str | None) -> None:
        try:
            self._inbox.put_nowait(frame)
        except asyncio.QueueFull:
            reader.leave("flooded")
        reader.wake()

    async def _serve(self, reader: Reader) -> None:
        reader.is_served_here()
        while reader.gone is None:
            if self._inbox.empty():
                reader.beat, reader.sent_at_s = False, monotonic_s()
                await reader.wait()
                continue
            frame = self._inbox.get_nowait()
            if frame is None:
                return
            await self._answer(frame, reader)

    async def _answer(self, frame: str, reader: Reader) -> None:
        """One frame's response, or the error that it is answered with; that ends no connection."""
        previous: str | None = None
        try:
            access: AccessPorts = self._ports[AccessPorts]
            self._caller = await admit_socket(self._socket, access)  # who pays, and what they may, is what it is now
            await within_rate(access, self._caller)
            bodies: Bodies = self._ports[Bodies]
            asked, generates = await bodies.apart(len(frame), lambda: _understood(frame))
            previous = asked.previous
            if not generates:
                await self._warm_up(asked, reader)
            elif not await self._respond(asked, reader) and previous is not None:
                self._kept.forget(previous)
        except WebSocketDisconnect:
            reader.leave("disconnected")
        except Exception as error:  # told as every route tells it
            told = as_api_error(error)
            if told.code == "internal_error":
                get_logger(__name__).error("a websocket's request failed", error=type(error).__name__)
            if previous is not None:
                self._kept.forget(previous)
            await self._tell(reader, _error(told))

    async def _respond(self, asked: Asked, reader: Reader) -> bool:
        """Make a response and send its events. Whether it ended well."""
        created = await self._creating().create(asked, self._place(asked))
        opened = created.opened
        try:
            opened.source.listen(reader)
            try:
                try:
                    await self._send_events(created, reader)
                finally:
                    opened.source.leave(reader)
            except asyncio.CancelledError:  # dropped while it waited for the socket
                await self._abandon(created, reader)
                raise
            ending = opened.source.ending
            if ending is None:
                await self._abandon(created, reader)
                return False
            if not asked.request.store and ending.status == "completed":
                answer = answer_of(parts_said(opened.source.pieces))
                self._kept.keep(opened.turn.generation_id, (*created.messages, *answer))
            return ending.status == "completed"
        finally:
            opened.release()

    async def _abandon(self, created: Created, reader: Reader) -> None:
        """A client that left ends what it waited for."""
        if reader.gone == "disconnected" and created.opened.source.ending is None:
            author, turns = author_of(self._socket, self._caller), self._turns
            await abandoning(turns.ask, author, created.opened, turns.grace_s)()

    def _creating(self) -> Creating:
        fresh = Freshness(self._socket, self._ports[FreshPorts])
        author, key = author_of(self._socket, self._caller), IdempotencyKey(draw_id(), False)
        return Creating(fresh, self._turns, self._ports[ResponsePorts], author, key)

    def _place(self, asked: Asked) -> Place | None:
        """What an unstored response of this connection is gone on from; None: what the request names is stored."""
        kept = None if asked.previous is None or asked.request.store else self._kept.find(asked.previous)
        return None if kept is None else Place(earlier=kept)

    async def _send_events(self, created: Created, reader: Reader) -> None:
        source, frames, cursor = created.opened.source, ResponseFrames(created.parameters), -1
        while reader.gone is None:
            if source.lost is not None:
                raise source.lost
            out: list[bytes] = []
            turn, ending, there = source.turn, source.ending, len(source.pieces)
            if turn is not None and cursor < 0:
                refused = None if ending is None or there else refusal(ending)
                if refused is not None:
                    raise refused
                out.append(frames.start(turn, source.started_at_us))
                cursor = 0
            if 0 <= cursor < there:
                stop = min(there, cursor + MAX_FRAMES)
                out += frames.chunks(source.pieces, cursor, stop)
                cursor = stop
            last = ending is not None and turn is not None and cursor >= there
            if ending is not None and last:
                out.append(frames.end(ending, there + 1))
            if not out:
                reader.beat, reader.sent_at_s = False, monotonic_s()
                await reader.wait()
                continue
            for event in _events(b"".join(out)):
                await self._tell(reader, event)
            if last:
                return

    async def _warm_up(self, asked: Asked, reader: Reader) -> None:
        """A response that says nothing, with which the next one may begin. No model is asked, and nothing is stored."""
        messages = await self._creating().prepared(asked, self._place(asked))
        models = self._turns.own_models.of(limited_of(self._caller))
        spec = models.default_model if asked.model is None else models.get(asked.model)
        fitted = fit(spec, asked)
        shown = parameters_of(spec.id, now_us(), fitted.request, fitted.sampling)
        generation_id = draw_id()
        self._kept.keep(generation_id, messages)
        steps: tuple[tuple[str, Status], ...] = (("created", "in_progress"), ("completed", "completed"))
        for nth, (kind, status) in enumerate(steps):
            said = response_object(generation_id, shown, status, [], None)
            event = {"type": f"response.{kind}", "sequence_number": nth, "response": said}
            await self._tell(reader, orjson.dumps(event))

    async def _tell(self, reader: Reader, event: bytes) -> None:
        reader.beat = False
        reader.sending_since_s = reader.sent_at_s = monotonic_s()
        await self._socket.send_text(event.decode())
        reader.sending_since_s = None


def _understood(frame: str) -> tuple[Asked, bool]:
    """What a `response.create` asks for, and whether it generates. Raises ApiError 400."""
    said = parse(frame.encode())
    if said.pop("type", None) != "response.create":
        raise bad_request("Invalid value for 'type': expected 'response.create'.", param="type")
    for name in ("stream", "background", "stream_options"):
        if said.pop(name, None):
            raise bad_request(f"'{name}' is not sent over a WebSocket.", code="unsupported_parameter", param=name)
    generates = said.pop("generate", True)
    if not isinstance(generates, bool):
        raise bad_request("Invalid value for 'generate': expected true or false.", param="generate")
    if not generates:
        said = {"input": [], **said}
    try:
        return Asked.of(CreateResponse.model_validate(said)), generates
    except ValidationError as error:
        raise as_api_error(error) from None


def _events(stream: bytes) -> list[bytes]:
    """The data of the events of a stream. JSON holds no line break of its own."""
    return [event.partition(b"\ndata: ")[2] for event in stream.split(b"\n\n") if event]


def _error(error: ApiError) -> bytes:
    """An error as a frame."""
    said = {**error.body["error"], "code": error.code or "invalid_request"}
    return orjson.dumps({"type": "error", "status": error.status, "error": said})
