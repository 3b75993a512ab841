"""The api below its routes: openings, hub, feeds, frames and streams whole; HTTP is a queue of bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, cast

from api.access.key_cache import Principal
from api.consistency.commanding import Author
from api.consistency.own_writes import OwnWrites
from api.http.errors import ApiError, as_api_error
from api.streaming.frames import EventFrames
from api.streaming.readers import Readers
from api.streaming.sse import EventStream
from api.streaming.tail_hub import TailHub
from api.streaming.waiting import ended_within, grown_within
from api.turns.cancelling import cancel
from api.turns.openings import Opened, begin, find, find_repeat
from api.turns.ports import StreamPorts, TurnPorts
from api.turns.prompting import PromptSizes
from infra.cassandra import StoreUnavailable
from infra.clock import now_us
from infra.models.catalogue import ModelCatalogue, ModelSpec
from infra.settings import ApiSettings
from schemas import ids
from schemas.conversation import ChatMessage, ConversationStarted, PromptSubmitted, Sampling
from schemas.envelope import Envelope, Position
from tests.sim.network import Network
from tests.sim.plans import Prompt
from tests.sim.producing import SimProducer
from tests.sim.reading import SimChunkLog
from tests.sim.store import Reads, Store
from tests.sim.virtual_time import Process
from topics.catalogue import CONVERSATION_EVENTS
from topics.errors import LogUnavailable

USER = Principal("ada", "key-1", "00" * 32)


class Connection:
    """One request's way back to its client. `None` in `inbox`: the connection is gone."""

    def __init__(self, process: Process) -> None:
        self.inbox: asyncio.Queue[tuple[int, bytes, bool] | None] = asyncio.Queue()
        self._process = process
        self._left = asyncio.Event()
        process.on_death.append(self._cut)

    def answer(self, status: int, body: bytes = b"", *, last: bool = True) -> None:
        """A piece of the answer; `last` for the end of it."""
        if self._process.step():
            self.inbox.put_nowait((status, body, last))

    async def send(self, message: Any) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.answer(message["status"], last=False)
        else:
            self.answer(200, message["body"], last=not message.get("more_body", False))

    async def receive(self) -> Any:
        """ASGI's `receive`: the client's leaving."""
        await self._left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        """The client hangs up."""
        self._left.set()
        self._process.on_death.remove(self._cut)

    def _cut(self) -> None:
        self.inbox.put_nowait(None)


class ApiServer:
    """One api process."""

    def __init__(self, network: Network, process: Process, store: Store, models: ModelCatalogue) -> None:
        self.process = process
        self._errors: list[BaseException] = []
        log = SimChunkLog(network, process)
        hub = TailHub(network.topics, log)
        log.start(hub.on_batch)
        reads, settings = cast(Any, Reads(store)), ApiSettings()
        self._turns = TurnPorts(
            streams=StreamPorts(hub=hub, reads=reads, models=models),
            messages=reads,
            log=cast(Any, SimProducer(network, process)),
            own_writes=OwnWrites(),
            readers=Readers(15.0),
            prompts=PromptSizes(),
            wait_s=settings.read_wait_s,
            grace_s=settings.disconnect_grace_s,
        )
        self._tasks = asyncio.TaskGroup()
        self._ready = False

    async def run(self) -> None:
        """Serve until killed."""
        async with self._tasks:
            self._ready = True
            await self._turns.readers.run_ticks()

    @property
    def reachable(self) -> bool:
        return self._ready and self.process.alive

    def start(self, request: Coroutine[Any, Any, None]) -> None:
        """Serve one request."""
        self._tasks.create_task(request, context=self.process.context)

    async def post(self, connection: Connection, prompt: Prompt) -> None:
        """A prompt with its key, as api/turns/messages.py serves it."""
        async with answering(connection):
            turns = self._turns
            if prompt.kind == "chat" and prompt.parent is None:
                started = ConversationStarted(
                    envelope=_envelope(prompt.conversation_id, "ConversationStarted"),
                    conversation_id=prompt.conversation_id,
                    user_id=USER.user_id,
                    title=None,
                    model=None,
                    system_prompt=None,
                )
                if await turns.streams.reads.generation(prompt.generation_id) is None:
                    await turns.log.send(CONVERSATION_EVENTS, prompt.conversation_id, started)
            opened = await find_repeat(turns.streams, USER.user_id, prompt.generation_id, prompt.body_sha256)
            if opened is None:
                opened = await begin(
                    turns,
                    lambda tail: _command(prompt, tail, turns.streams.models.get(prompt.model)),
                    prompt.generation_id,
                    prompt.conversation_id,
                    USER.user_id,
                    prompt.key,
                    keyed=True,
                )
            await self._stream(connection, opened, -1)

    async def resume(self, connection: Connection, generation_id: str, after: int) -> None:
        """As api/turns/generations.py: 404 for what is not there (yet), 400 for a place that is not."""
        async with answering(connection):
            opened = await self._found(generation_id)
            source = opened.source

            def newest() -> int:
                return -1 if source.turn is None else len(source.pieces) + (source.ending is not None)

            try:
                if after > newest():
                    await grown_within(source, self._turns.wait_s, lambda: newest() >= after)
                if after > newest():
                    raise ApiError(400, "no such position", code="invalid_position")
            except BaseException:
                opened.release()
                raise
            await self._stream(connection, opened, after)

    async def cancel(self, connection: Connection, generation_id: str, seen: int | None) -> None:
        async with answering(connection):
            opened = await self._found(generation_id)
            try:
                source = opened.source
                if source.ending is None:
                    await cancel(self._turns.log, Author(USER.user_id, "cancel"), opened, seen)
                    await ended_within(source, self._turns.wait_s)
                ending = source.ending
                state = b"running" if ending is None else ending.status.encode()
                connection.answer(202 if ending is None else 200, state)
            finally:
                opened.release()

    async def _found(self, generation_id: str) -> Opened:
        opened = await find(self._turns.streams, USER.user_id, generation_id)
        if opened is None:
            raise ApiError(404, "no such generation", code="not_found")
        return opened

    async def _stream(self, connection: Connection, opened: Opened, after: int) -> None:
        stream = EventStream(
            opened.source, EventFrames(), self._turns.readers, USER.key_sha256, opened.release, after=after
        )
        await stream({"type": "http"}, connection.receive, connection.send)


@contextlib.asynccontextmanager
async def answering(connection: Connection) -> AsyncIterator[None]:
    """Errors become answers, as the app makes them."""
    try:
        yield
    except ApiError as error:
        connection.answer(error.status, (error.code or "").encode())
    except (LogUnavailable, StoreUnavailable) as error:
        connection.answer(as_api_error(error).status, b"unavailable")


def _command(prompt: Prompt, tail: Position, model: ModelSpec) -> PromptSubmitted:
    stateless = prompt.kind == "stateless"
    return PromptSubmitted(
        envelope=_envelope(prompt.message_id, "PromptSubmitted"),
        conversation_id=prompt.conversation_id,
        user_id=USER.user_id,
        message_id=prompt.message_id,
        generation_id=prompt.generation_id,
        parent_message_id=prompt.parent,
        kind=prompt.kind,
        content=None if stateless else prompt.question,
        messages=(ChatMessage("user", prompt.question),) if stateless else (),
        attachments=(),
        model=prompt.model,
        sampling=Sampling(),
        service_class="interactive",
        tier="default",
        tail=tail,
        request_hash=prompt.body_sha256,
        idempotency_key=prompt.key,
        deadline_at_us=now_us() + 30_000_000,
        price=model.price,
        account=USER.user_id,
        model_version=model.version,
    )


def _envelope(cause: str, event_type: str) -> Envelope:
    return Envelope(ids.event_id(cause, event_type), now_us(), None, "request", f"user:{USER.user_id}")
