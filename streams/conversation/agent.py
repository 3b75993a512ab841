"""The conversation agent's Faust shell: reads history, asks the reactor, produces what it says.

Latency is everything here: verdict and job leave at once, one after the other, and both acknowledgements are awaited
together before the command is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from confluent_kafka import KafkaError

from infra.clock import monotonic_s
from infra.models import ModelCatalogue, ModelNotFound, ModelSpec
from infra.settings import Settings
from infra.tokenizers import TokenCounter
from schemas.codec import encode
from schemas.conversation import ConversationDeleted, PromptSubmitted, RegenerateRequested
from schemas.envelope import Position
from schemas.generation import Turn
from streams.app import Handler, Source, StreamApp, make_app, run_agent
from streams.conversation.ports import Context, HistoryPort, NoHistory
from streams.conversation.reactor import (
    UNKNOWN_PRICE,
    Command,
    Out,
    react,
    react_to_deletion,
    too_large,
    turn_of,
)
from streams.moderation.policy import Policy
from topics.catalogue import CONTROL, CONVERSATION_EVENTS, MODERATION_VERDICTS, TOKEN_CHUNKS, jobs_topic
from topics.errors import RecordRefused
from topics.producer import LogProducer, log_error

OpenHistory = Callable[[], AbstractAsyncContextManager[HistoryPort]]

MOST_IN_FLIGHT = 64
MOST_MESSAGES = 2000
HISTORY_WAIT_S = 5.0
HISTORY_FIRST_PAUSE_S = 0.01
HISTORY_LONGEST_PAUSE_S = 0.25
REMEMBERED = 20_000
_TOPICS = {"verdict": MODERATION_VERDICTS, "end": TOKEN_CHUNKS, "doorbell": CONTROL}


class ConversationAgent:
    """Handles the commands of conversation-events. The first command of a generation wins."""

    def __init__(
        self, producer: LogProducer, models: ModelCatalogue, policy: Policy, history: HistoryPort, epoch: int
    ) -> None:
        self._producer = producer
        self._models = models
        self._policy = policy
        self._history = history
        self._epoch = epoch
        self._begun: OrderedDict[str, Turn] = OrderedDict()
        self._deleted: OrderedDict[str, None] = OrderedDict()

    async def handle(self, record: Any, source: Source) -> None:
        """One event; returns when all it brings about is acknowledged. Raises LogUnavailable, and as history does."""
        if isinstance(record, ConversationDeleted):
            await self._conversation_deleted(record)
        elif record.generation_id not in self._begun:
            await self._begin(record, source)

    async def _begin(self, command: Command, source: Source) -> None:
        model = self._model(command.model)
        outs = react(
            command,
            cause := Position(self._epoch, source.partition, source.offset),
            await self._context(command),
            model,
            TokenCounter.of(model) if model is not None else None,
            self._policy,
            maybe_repeat=source.maybe_repeat,
        )
        try:
            await self._produce(outs)
        except RecordRefused:
            # Fewer tokens than the model's context, more bytes than a record: no engine will ever get it.
            await self._produce((*outs[:1], too_large(command, cause)))
        self._begun[command.generation_id] = turn_of(command, cause, model.price if model else UNKNOWN_PRICE)
        _bound(self._begun)

    async def _conversation_deleted(self, deleted: ConversationDeleted) -> None:
        conversation = deleted.conversation_id
        self._deleted[conversation] = None
        _bound(self._deleted)
        turns = {turn.generation_id: turn for turn in await self._history.open_turns(conversation)}
        # The projections may be behind this agent's own memory; ending what has ended changes nothing.
        turns |= {id_: turn for id_, turn in self._begun.items() if turn.conversation_id == conversation}
        await self._produce(react_to_deletion(deleted, tuple(turns.values())))

    async def _context(self, command: Command) -> Context | None:
        if isinstance(command, PromptSubmitted):
            if command.kind == "stateless":
                return NoHistory()
            leaf = command.parent_message_id
        else:
            leaf = command.prompt_message_id
        if command.conversation_id in self._deleted:
            return NoHistory(deleted=True)
        until_s = monotonic_s() + HISTORY_WAIT_S
        pause_s = HISTORY_FIRST_PAUSE_S
        while True:
            context = await self._history.context(command.conversation_id, leaf, MOST_MESSAGES)
            if context is not None or monotonic_s() > until_s:
                return context
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, HISTORY_LONGEST_PAUSE_S)

    async def _produce(self, outs: tuple[Out, ...]) -> None:
        """Fire all in order, then wait for all. Raises LogUnavailable; a repeat produces the same ids again."""
        if not outs:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = len(outs)

        def acknowledged(error: KafkaError | None, _: int) -> None:
            nonlocal waiting
            waiting -= 1
            if done.done():
                return
            if error is not None:
                done.set_exception(log_error(error))
            elif not waiting:
                done.set_result(None)

        for out in outs:
            topic = jobs_topic(out.pool, out.service_class) if out.kind == "job" else _TOPICS[out.kind]
            self._producer.fire(topic, out.key, encode(out.record), acknowledged)
        await done

    def _model(self, model_id: str) -> ModelSpec | None:
        try:
            return self._models.get(model_id)
        except ModelNotFound:
            return None


def _bound(remembered: OrderedDict[str, Any]) -> None:
    if len(remembered) > REMEMBERED:
        remembered.popitem(last=False)


def make_conversation_app(
    settings: Settings,
    models: ModelCatalogue,
    policy: Policy,
    open_history: OpenHistory,
    retry_on: tuple[type[Exception], ...] = (),
) -> StreamApp:
    """The Faust application of the conversation process. `retry_on`: what `open_history`'s store raises when away."""
    app = make_app("conversation", settings, pools=models.pools)
    epoch = app.topics_catalogue[CONVERSATION_EVENTS].epoch
    for model in models:
        TokenCounter.of(model)  # a tokenizer that cannot be used stops the start, not the first prompt

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler]:
        async with open_history() as history:
            yield ConversationAgent(producer, models, policy, history, epoch).handle

    def open_handler(producer: LogProducer) -> AbstractAsyncContextManager[Handler]:
        return opened(producer)

    records = (PromptSubmitted, RegenerateRequested, ConversationDeleted)
    run_agent(app, (CONVERSATION_EVENTS,), records, open_handler, most_in_flight=MOST_IN_FLIGHT, retry_on=retry_on)
    return app
