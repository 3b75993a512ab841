"""The api below its routes: asking, joining, hub, feeds, frames and streams whole; HTTP is a queue of bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, cast

from api.access.buckets import LocalBuckets
from api.access.limiting import RateLimits
from api.access.principal import Principal
from api.consistency.commanding import Author, IdempotencyKey
from api.consistency.own_writes import OwnWrites
from api.http.errors import ApiError, as_api_error
from api.openai.embedding_leases import EmbeddingLeases, Wanted
from api.streaming.frames import EventFrames
from api.streaming.readers import Readers
from api.streaming.sse import EventStream
from api.streaming.tail_hub import TailHub
from api.streaming.waiting import ended_within, grown_within
from api.turns.ask import ask
from api.turns.cancelling import cancel
from api.turns.intents import Asking, PromptIntent
from api.turns.joining import Opened, find
from api.turns.ports import AskPorts, StreamPorts
from api.turns.queueing import Queues
from api.turns.quotas import BookedQuotas
from infra.cassandra.errors import StoreUnavailable
from infra.clock import now_us
from infra.models.catalogue import ModelCatalogue, ModelSpec
from infra.settings.processes import ApiSettings
from infra.tiers.limited import Limited
from infra.tiers.tier import Tiers
from schemas import ids
from schemas.conversation import ChatMessage, ConversationStarted, Request
from schemas.envelope import Envelope
from schemas.price import Usage
from schemas.usage import EmbeddingsComputed
from tests.sim.engine import COUNTS, THINKS, TOOLS
from tests.sim.network import Network
from tests.sim.plans import Embedding, Prompt
from tests.sim.producing import SimProducer
from tests.sim.reading import SimChunkLog, follow_admissions
from tests.sim.store import Reads, Store
from tests.sim.virtual_time import Process
from topics.catalogue import CONVERSATION_EVENTS
from topics.errors import LogUnavailable

EMBEDS_WITHIN_S = 5.0
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

    def __init__(
        self, network: Network, process: Process, store: Store, models: ModelCatalogue, *, embeds: bool = False
    ) -> None:
        """`embeds`: it is asked for embeddings, of accounts with budgets."""
        self.process = process
        self._network = network
        self._embeds = embeds
        self._leases: EmbeddingLeases | None = None
        self._errors: list[BaseException] = []
        log = SimChunkLog(network, process)
        hub = TailHub(network.topics, log)
        log.start(hub.on_batch)
        self._readers, self._wait_s = Readers(15.0), ApiSettings().read_wait_s
        self._ports = AskPorts(
            streams=StreamPorts(hub=hub, reads=cast(Any, Reads(store)), models=models),
            log=cast(Any, SimProducer(network, process)),
            own_writes=OwnWrites(),
            limits=RateLimits(LocalBuckets(), LocalBuckets(), cast(Any, Reads(store)), Tiers(), per_address=1, tries=1),
            queues=Queues((), network.topics, cast(Any, None), cast(Any, None), slots=1),
        )
        self._tasks = asyncio.TaskGroup()
        self._ready = False

    async def run(self) -> None:
        """Serve until killed."""
        async with self._tasks:
            if self._embeds:
                book, _ = await follow_admissions(self._network, self.process)
                self._leases = EmbeddingLeases(self._ports.log, book, BookedQuotas(book))
            self._ready = True
            await self._readers.run_ticks()

    @property
    def reachable(self) -> bool:
        return self._ready and self.process.alive

    def start(self, request: Coroutine[Any, Any, None]) -> None:
        """Serve one request."""
        self._tasks.create_task(request, context=self.process.context)

    async def post(self, connection: Connection, prompt: Prompt) -> None:
        """A prompt with its key, as api/turns/messages.py serves it."""
        async with answering(connection):
            ports = self._ports
            if prompt.kind == "chat" and prompt.parent is None:
                started = ConversationStarted(
                    envelope=_envelope(prompt.conversation_id, "ConversationStarted"),
                    conversation_id=prompt.conversation_id,
                    user_id=USER.user_id,
                    title=None,
                    model=None,
                    system_prompt=None,
                )
                if await ports.streams.reads.generation(prompt.generation_id) is None:
                    await ports.log.send(CONVERSATION_EVENTS, prompt.conversation_id, started)
            asking = Asking(
                author=Author(USER.user_id, "request", Limited(user_id=USER.user_id)),
                key=IdempotencyKey(prompt.key, True),
                conversation_id=prompt.conversation_id,
                request_hash=prompt.body_sha256,
            )

            async def asked(instead: str | None) -> PromptIntent:
                return _asked(prompt, ports.streams.models.get(instead or prompt.model))

            opened = await ask(ports, asking, asked)
            await self._stream(connection, opened, -1)

    async def embed(self, connection: Connection, embedding: Embedding) -> None:
        """A request for embeddings with its key, as api/openai/embeddings.py serves it; its usage is answered."""
        async with answering(connection):
            leases = self._leases
            assert leases is not None
            embedding_id, hashed = ids.embedding_id(USER.user_id, embedding.key), embedding.key
            charged = leases.charged(USER.user_id, embedding_id, hashed)
            if charged is None:
                wanted = Wanted(
                    author=Author(USER.user_id, "request", Limited(user_id=USER.user_id)),
                    key=IdempotencyKey(embedding.key, True),
                    embedding_id=embedding_id,
                    request_hash=hashed,
                    model="embeds",
                    price=COUNTS.price,
                    tokens=embedding.bound,
                    timeout_s=EMBEDS_WITHIN_S,
                )
                lease = await leases.granted(wanted)
                await asyncio.sleep(embedding.takes_s)
                usage = Usage(embedding.tokens, 0)
                computed = EmbeddingsComputed(
                    envelope=_envelope(embedding_id, "EmbeddingsComputed"),
                    user_id=USER.user_id,
                    embedding_id=embedding_id,
                    model=wanted.model,
                    model_version="1",
                    texts=1,
                    dimensions=1,
                    usage=usage,
                    price=wanted.price,
                    cost_micros=wanted.price.cost_micros(usage),
                    request_hash=hashed,
                )
                charged, _ = await leases.settle(wanted, lease, computed)
            connection.answer(200, str(charged.usage.prompt_tokens).encode())

    async def resume(self, connection: Connection, generation_id: str, after: int) -> None:
        """As api/turns/generations.py: 404 for what is not there (yet), 400 for a place that is not."""
        async with answering(connection):
            opened = await self._found(generation_id)
            source = opened.source

            def newest() -> int:
                return -1 if source.turn is None else len(source.pieces) + (source.ending is not None)

            try:
                if after > newest():
                    await grown_within(source, self._wait_s, lambda: newest() >= after)
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
                    await cancel(
                        self._ports.log, Author(USER.user_id, "cancel", Limited(user_id=USER.user_id)), opened, seen
                    )
                    await ended_within(source, self._wait_s)
                ending = source.ending
                state = b"running" if ending is None else ending.status.encode()
                connection.answer(202 if ending is None else 200, state)
            finally:
                opened.release()

    async def _found(self, generation_id: str) -> Opened:
        opened = await find(self._ports.streams, USER.user_id, generation_id)
        if opened is None:
            raise ApiError(404, "no such generation", code="not_found")
        return opened

    async def _stream(self, connection: Connection, opened: Opened, after: int) -> None:
        stream = EventStream(opened.source, EventFrames(), self._readers, USER.credential, opened.release, after=after)
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


def _asked(prompt: Prompt, spec: ModelSpec) -> PromptIntent:
    if prompt.kind == "stateless":
        messages = (ChatMessage("user", prompt.question),)
        return PromptIntent(spec=spec, tokens=0, kind="stateless", messages=messages, request=_request(spec))
    return PromptIntent(spec=spec, tokens=0, content=prompt.question, parent_id=prompt.parent, request=_request(spec))


def _request(spec: ModelSpec) -> Request | None:
    """Tools are offered to the model that calls them."""
    return Request(tooling=TOOLS) if spec.id == THINKS.id else None


def _envelope(cause: str, event_type: str) -> Envelope:
    return Envelope(ids.event_id(cause, event_type), now_us(), None, "request", f"user:{USER.user_id}")
