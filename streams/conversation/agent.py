"""The conversation agent's Faust shell: reads history, asks the reactor, produces the results.

The verdict is durable before the job that names it leaves, so that no log has a job without its verdict; the command
is acknowledged when both are. A job that no record can hold, or that its topic refuses, ends the turn with that reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import cast

from confluent_kafka import KafkaError

from infra.clock import now_us
from infra.crash_points import crash_point
from infra.logging import get_logger
from infra.models.catalogue import ModelCatalogue, ModelNotFound, ModelSpec
from infra.models.prices import price_of
from infra.models.tokenizers import TokenCounter
from infra.moderation.policy import Policy
from infra.runtime.retrying import Retrying
from infra.settings import Settings
from infra.tiers.tier import NO_TIERS, Tiers
from schemas.admission import BudgetChanged, LeaseExtensionRequested, LeaseRequested, LeaseSettled
from schemas.codec import UnencodableRecord, encode, write_level
from schemas.conversation import (
    ChatMessage,
    ConversationDeleted,
    ConversationStarted,
    GenerationDeleted,
    PromptSubmitted,
    RegenerateRequested,
    TitleRequested,
)
from schemas.families import Family
from schemas.generation import GenerationRequested, Turn
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from schemas.turns import Command, choices_of, turn_of
from streams.conversation.counting import RememberedCounts
from streams.conversation.leasing import Deciding, Leasing
from streams.conversation.leaving import EndingTemporaries
from streams.conversation.memory import Begun, Memory
from streams.conversation.overflow import Backlogs
from streams.conversation.ports import Context, ConversationPorts, HistoryPort, NoHistory
from streams.conversation.reactor import (
    CancelNotice,
    End,
    Job,
    Out,
    Verdict,
    characters,
    counted_tokens,
    for_choice,
    react,
    react_to_deletion,
    too_large,
)
from streams.conversation.titles import TitleModel
from streams.conversation.titling import Titling
from streams.faust.app import Handler, Source, StreamApp, make_app, run_agent
from topics.admission.book import Book
from topics.admission.following import following
from topics.catalogue import ADMISSIONS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, Catalogue, jobs_topic
from topics.errors import LogUnavailable, RecordRefused
from topics.headers import headers_of
from topics.producer import LogProducer, log_error
from topics.spec import EIGHT_MIB, TopicSpec

OpenHistory = Callable[[], AbstractAsyncContextManager[ConversationPorts]]

MAX_IN_FLIGHT = 64
MAX_MESSAGES = 2000
ACKNOWLEDGED_S = 15.0
"""More than the producer itself takes to give a record up."""
HISTORY_WAIT_S = 5.0
HISTORY_FIRST_PAUSE_S = 0.01
HISTORY_LONGEST_PAUSE_S = 0.25
MAX_JOB_BYTES = EIGHT_MIB - 64 * 1024
"""A job record's value; the rest of the topic's limit is for its key and framing."""
LANES_FROM_LEVEL = 6
"""The write level from which on all workers read overflow lanes."""
INLINE_CHARACTERS = 16_384
INLINE_MESSAGES = 250
"""Turns with more text, or more messages, than this are counted in a thread, so that others need not wait for them.

What the API has counted, the command tells. The rest, history above all, is counted here, bounded by the model's
context (`infra/models/tokenizers.py`), with other threads running, and remembered by message.
"""
Said = ConversationStarted | Command | ConversationDeleted | GenerationDeleted
Read = Said | Outcome | Deciding
RECORDS: Family[Read] = Family(Read)
_log = get_logger(__name__)


class ConversationAgent:
    """Handles the commands of conversation-events. The first command of a generation wins."""

    def __init__(
        self,
        producer: LogProducer,
        models: ModelCatalogue,
        policy: Policy,
        history: HistoryPort,
        commands: TopicSpec,
        *,
        topics: Catalogue | None = None,
        titles: TitleModel | None = None,
        book: Book | None = None,
        store_errors: tuple[type[Exception], ...] = (),
        history_wait_s: float = HISTORY_WAIT_S,
        tiers: Tiers = NO_TIERS,
    ) -> None:
        """`titles`: which model makes titles, None: none does; `topics`, of the log, are needed for it.
        `book`: the accounts with budgets; None: no account has one.
        `store_errors`: what `history` raises while its store is away. `tiers`: how much context each has."""
        self._producer = producer
        self._models = models
        self._tiers = tiers
        self._policy = policy
        self._history = history
        self._commands = commands
        self._store_errors = store_errors
        self._history_retrying = Retrying(
            "conversation.history", HISTORY_FIRST_PAUSE_S, HISTORY_LONGEST_PAUSE_S, history_wait_s
        )
        self._memory = Memory()
        self._backlogs = Backlogs()
        self._counters: dict[str, RememberedCounts] = {}
        self._leasing = None if book is None else Leasing(producer, book)
        self._titling: Titling | None = None
        if titles is not None and topics is not None:
            self._titling = Titling(producer, history, self._memory, topics, titles, store_errors=store_errors)

    async def handle(self, record: Read, source: Source) -> None:
        """One event; returns when all it brings about is acknowledged.

        Raises LogUnavailable, and for a deletion what history raises.
        """
        match record:
            case ConversationStarted():
                self._memory.started(record.conversation_id, record.system_prompt)
            case ConversationDeleted():
                await self._conversation_deleted(record)
            case GenerationDeleted():
                await self._answer_deleted(record)
            case PromptSubmitted() | RegenerateRequested() | TitleRequested():
                if not self._memory.has_begun(record.generation_id):
                    await self._begin(record, source)
            case GenerationCompleted() | GenerationFailed() | GenerationCancelled() | GenerationRefused():
                self._backlogs.ended(record.turn.generation_id)
                if self._titling is not None:
                    await self._titling.handle(record)
            case BudgetChanged() | LeaseRequested() | LeaseExtensionRequested() | LeaseSettled():
                if self._leasing is not None:
                    await self._leasing.announce(record, source)

    async def _begin(self, command: Command, source: Source) -> None:
        model = self._model(command)
        counter = None if model is None else self._counter(model)
        if counter is not None:
            _know_prompt(counter, command)
        cause = self._commands.position(source.partition, source.offset)
        price = price_of(command, self._models)
        turn, *others = (turn_of(command, cause, price, choice) for choice in range(choices_of(command)))
        context = await self._context(command)

        def reaction() -> tuple[Verdict, Job | End]:
            return react(command, turn, context, model, counter, self._policy, maybe_repeat=source.maybe_repeat)

        large = characters(command, context) > INLINE_CHARACTERS or _messages(command, context) > INLINE_MESSAGES
        verdict, last = await asyncio.to_thread(reaction) if large else reaction()
        await self._produce((verdict,))
        all_of_it = (last, *(for_choice(last, command, other) for other in others))
        try:
            leaving = await self._leased(all_of_it)
            await self._produce(tuple(self._in_lane(out, model, command) for out in leaving))
        except (UnencodableRecord, RecordRefused) as error:
            if not isinstance(last.record, GenerationRequested):
                raise
            _log.warning("a job was refused", generation=turn.generation_id, reason=str(error))
            last = too_large(command, turn)
            await self._produce((last, *(too_large(command, other) for other in others)))
        is_begun = isinstance(last.record, GenerationRequested)
        for each in (turn, *others):
            self._memory.begun(each.generation_id, Begun(each, command.deadline_at_us) if is_begun else None)

    async def _leased(self, outs: tuple[Job | End, ...]) -> tuple[Job | End, ...]:
        """What may leave: jobs of accounts with a hard budget on their leases. Raises LogUnavailable."""
        leasing, found = self._leasing, list[Job | End]()
        for out in outs:
            record = out.record
            if leasing is None or not isinstance(record, GenerationRequested) or not leasing.is_limited(record.turn):
                found.append(out)
            elif (leaves := await leasing.leased(cast(Job, out))) is not None:
                found.append(leaves)
        return tuple(found)

    def _in_lane(self, out: Job | End, model: ModelSpec | None, command: Command) -> Job | End:
        job = out.record
        if model is None or not isinstance(job, GenerationRequested) or write_level() < LANES_FROM_LEVEL:
            return out
        at_us, turn = command.envelope.occurred_at_us, job.turn
        lane = self._backlogs.lane(turn.generation_id, turn.user_id, at_us, job.deadline_at_us)
        if not lane:
            return out
        return Out(jobs_topic(model.pool, job.service_class, lane), out.key, replace(job, lane=lane))

    async def _answer_deleted(self, deleted: GenerationDeleted) -> None:
        """End an answer that still runs. One that has ended stays as it ended."""
        generation_id = deleted.generation_id
        turns = self._memory.running_answer(generation_id, now_us())
        if not turns and not self._memory.has_begun(generation_id):
            turns = await self._history.open_answer(generation_id)
        await self._produce(react_to_deletion(deleted, turns))

    async def _conversation_deleted(self, deleted: ConversationDeleted) -> None:
        conversation = deleted.conversation_id
        self._memory.deleted(conversation)
        turns: dict[str, Turn] = {turn.generation_id: turn for turn in await self._history.open_turns(conversation)}
        # The projections may be behind this agent's own memory; ending what has ended changes nothing.
        turns |= {turn.generation_id: turn for turn in self._memory.running(conversation, now_us())}
        await self._produce(react_to_deletion(deleted, tuple(turns.values())))

    async def _context(self, command: Command) -> Context | None:
        """What the command follows; None if that cannot be known in time."""
        if isinstance(command, PromptSubmitted) and _follows_nothing(command):
            return NoHistory()
        known = self._memory.beginning(command.conversation_id)
        if known is not None and known.deleted:
            return known
        leaf = _leaf(command)
        if leaf is None and known is not None:
            return known
        patience = self._history_retrying.begin()
        while True:
            try:
                context = await self._read(command.conversation_id, leaf)
            except self._store_errors as error:
                _log.warning("history is away", error=f"{type(error).__name__}: {error}")
                context = None
            if context is not None or (pause_s := patience.pause_s()) is None:
                return context
            await asyncio.sleep(pause_s)

    async def _read(self, conversation_id: str, leaf: str | None) -> Context | None:
        if leaf is None:
            return await self._history.beginning(conversation_id)
        return await self._history.context(conversation_id, leaf, MAX_MESSAGES)

    async def _produce(self, outs: tuple[Verdict | Job | End | CancelNotice, ...]) -> None:
        """Fire all in order, then wait for all.

        Raises LogUnavailable: a repeat produces the same ids again. UnencodableRecord, RecordRefused: one of them can
        never be produced.
        """
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
            value = encode(out.record)
            if isinstance(out.record, GenerationRequested) and len(value) > MAX_JOB_BYTES:
                raise RecordRefused(f"a job of {len(value)} bytes is too large, {MAX_JOB_BYTES} are taken")
            crash_point("conversation.before_record")
            self._producer.fire(out.topic, out.key, value, acknowledged, headers_of(out.record))
        crash_point("conversation.after_records_fired")
        try:
            async with asyncio.timeout(ACKNOWLEDGED_S):
                await done
        except TimeoutError:
            raise LogUnavailable(f"no acknowledgement within {ACKNOWLEDGED_S:.0f} s") from None
        crash_point("conversation.after_records_acknowledged")

    def _model(self, command: Command) -> ModelSpec | None:
        """The model, with no more context than the tier of who asks."""
        try:
            model = self._models.get(command.model)
        except ModelNotFound:
            return None
        if isinstance(command, TitleRequested):
            return model
        return model.within(self._tiers.of(command.tier).max_context_tokens)

    def _counter(self, model: ModelSpec) -> RememberedCounts:
        counter = self._counters.get(model.id)
        if counter is None:
            counter = self._counters[model.id] = RememberedCounts(TokenCounter.of(model))
        return counter


def _follows_nothing(command: PromptSubmitted) -> bool:
    """Whether a prompt brings its whole context with it."""
    return command.kind == "stateless" or (command.kind == "compaction" and command.parent_message_id is None)


def _leaf(command: Command) -> str | None:
    """The message up to which history belongs to the context; None: none of it does."""
    match command:
        case PromptSubmitted():
            return command.parent_message_id
        case RegenerateRequested():
            return command.prompt_message_id
        case TitleRequested():
            return None


def _know_prompt(counter: RememberedCounts, command: Command) -> None:
    """The API's count of a prompt in a conversation, so that its text is not counted again."""
    if not isinstance(command, PromptSubmitted) or command.kind != "chat" or not isinstance(command.content, str):
        return
    counted = counted_tokens(command)
    if counted is not None and counted > counter.frame:
        counter.remember(ChatMessage("user", command.content), counted - counter.frame)


def _messages(command: Command, context: Context | None) -> int:
    inline = len(command.messages) if isinstance(command, PromptSubmitted) else 0
    return inline + (0 if context is None else len(context.messages))


def make_conversation_app(
    settings: Settings,
    models: ModelCatalogue,
    policy: Policy,
    open_history: OpenHistory,
    store_errors: tuple[type[Exception], ...] = (),
    titles: TitleModel | None = None,
    tiers: Tiers = NO_TIERS,
) -> StreamApp:
    """The Faust application of the conversation process. `store_errors`: what the history raises while it is away.
    `titles`: the model that makes titles; None: none does. `tiers`: how much context each has."""
    app = make_app("conversation", settings, pools=models.pools)
    for model in models:
        TokenCounter.of(model)  # a tokenizer that cannot be used stops the start, not the first prompt

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Read]]:
        topics = app.topics_catalogue
        properties = settings.kafka.client_properties()
        async with following(properties, topics) as (book, tail), open_history() as history:
            agent = ConversationAgent(
                producer,
                models,
                policy,
                history,
                topics[CONVERSATION_EVENTS],
                topics=topics,
                titles=titles,
                book=book,
                store_errors=store_errors,
                tiers=tiers,
            )
            async with asyncio.TaskGroup() as tasks:
                helpers = [
                    tasks.create_task(EndingTemporaries(producer, history, store_errors).run()),
                    tasks.create_task(tail.failed()),
                ]
                try:
                    yield agent.handle
                finally:
                    for helper in helpers:
                        helper.cancel()

    run_agent(
        app,
        (CONVERSATION_EVENTS, GENERATION_OUTCOMES, ADMISSIONS),
        RECORDS,
        opened,
        most_in_flight=MAX_IN_FLIGHT,
        retry_on=store_errors,
    )
    return app
