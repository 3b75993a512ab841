"""When a conversation gets a title, from what, and what becomes of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infra.moderation.policy_file import load_policy
from schemas import ids
from schemas.codec import set_write_level
from schemas.conversation import ConversationDeleted, ConversationRenamed, TitleRequested
from schemas.envelope import Envelope, Position, Sealed, plain
from schemas.generation import GenerationRequested
from schemas.outcome import GenerationCompleted, Outcome
from schemas.registry import WRITE_LEVEL, current_schema
from schemas.turns import TITLES, UNBILLED, account_of, turn_of
from streams.backfill.reactor import Left, Repricing, reprice
from streams.conversation import titling
from streams.conversation.agent import ConversationAgent
from streams.conversation.memory import Memory
from streams.conversation.ports import FirstTurn, NoHistory
from streams.conversation.titles import (
    DEADLINE_S,
    MAX_AGE_S,
    MAX_ANSWER_CHARACTERS,
    MAX_PROMPT_CHARACTERS,
    TitleModel,
    may_be_titled,
    rename,
    title_messages,
    title_request,
)
from streams.conversation.titling import Titling
from streams.faust.app import Source
from streams.metering.reactor import usage_record
from tests.fakes.history import HistoryAway, MemoryHistory
from tests.fakes.projection_records import AT, PRICE, outcome
from tests.records import CAUSE, NOW_US, prompt, title, turn
from tests.unit.streams.conversing import NOTHING, SmallModel, end_of, follow, job_of
from tests.unit.streams.test_conversation_agent import MODELS, MemoryProducer
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, catalogue
from topics.vocabulary import NewerValue

TOPICS = catalogue()
MODEL = TitleModel("verbatim-local", "weights")
TAIL = Position(0, 0, 41)
FAMILY = "👩‍👩‍👧"


def answer(how: str = "completed", text: Any = "Because of scattering.", **changes: Any) -> Outcome:
    return outcome(turn(**changes), how, text)


def asked(ended: Outcome | None = None, **first: Any) -> TitleRequested | None:
    facts = FirstTurn(**{"prompt": "Why is the sky blue?", **first})
    return title_request(ended or answer(), facts, MODEL, TAIL)


def test_the_first_answer_asks_for_a_title() -> None:
    request = asked()
    assert request is not None
    assert (request.prompt, request.answer) == ("Why is the sky blue?", "Because of scattering.")
    assert (request.model, request.model_version, request.service_class) == (MODEL.id, MODEL.version, "background")
    assert (request.envelope.actor, request.price, request.tail) == (TITLES, UNBILLED, TAIL)
    assert request.deadline_at_us == AT + DEADLINE_S * 1_000_000
    assert (request.prompt_message_id, request.answer_id) == ("message", "generation")


def test_its_ids_derive_from_the_conversation_alone() -> None:
    one, other = asked(), asked(answer(text="Another", generation_id="another"), prompt="Another")
    assert one is not None and other is not None
    assert one.generation_id == ids.generation_id(ids.title_message_id("conversation"))
    assert (one.envelope.event_id, one.message_id, one.generation_id) == (
        other.envelope.event_id, other.message_id, other.generation_id,
    )  # fmt: skip
    assert one == asked()


@pytest.mark.parametrize(
    "first",
    [
        {"deleted": True},
        {"temporary": True},
        {"named": True},
        {"title_asked": True},
        {"answered": True},
        {"prompt": None},
        {"prompt": " \n"},
        {"prompt": Sealed("k", b"", b"")},
    ],
)
def test_a_conversation_that_wants_none_gets_none(first: dict[str, Any]) -> None:
    assert asked(**first) is None
    assert asked(answer(text=Sealed("k", b"", b""))) is None


@pytest.mark.parametrize("how", ["failed", "cancelled", "refused"])
def test_only_an_answer_that_completed_a_moment_ago_counts(how: str) -> None:
    assert may_be_titled(answer(), AT)
    assert may_be_titled(answer(), AT + MAX_AGE_S * 1_000_000)
    assert not may_be_titled(answer(), AT + MAX_AGE_S * 1_000_000 + 1)
    assert not may_be_titled(answer(how), AT)
    assert not may_be_titled(answer(kind="stateless"), AT)
    assert not may_be_titled(answer(kind="title"), AT)


def test_what_the_model_is_shown_is_bounded_and_never_half_a_character() -> None:
    request = asked(answer(text=FAMILY * 1000), prompt="é" * 10_000)
    assert request is not None
    assert plain(request.prompt) == "é" * MAX_PROMPT_CHARACTERS
    assert plain(request.answer) == FAMILY * (MAX_ANSWER_CHARACTERS // len(FAMILY))


def test_the_answer_is_shown_beside_a_prompt_that_says_little() -> None:
    *_, short = title_messages(title(prompt="hi\nthere", answer="Hello! How\nare you?"))
    *_, long = title_messages(title(prompt="Why is the sky blue, and not violet?"))
    assert short.content == 'Title of the message "hi there", answered "Hello! How are you?"'
    assert long.content == 'Title of the message "Why is the sky blue, and not violet?"'


def test_the_command_becomes_a_job_of_its_own_words_without_any_system_prompt() -> None:
    command = title()
    context = replace(NOTHING, system_prompt="Speak like a pirate.")
    outs = follow(command, context, SmallModel(context_tokens=500, system_prompt="You are a pirate."))
    job = job_of(outs)
    assert job.messages == title_messages(command)
    assert (job.service_class, job.deadline_at_us) == ("background", command.deadline_at_us)
    assert job.sampling.max_tokens == 32
    assert (job.turn.kind, job.turn.user_id, job.turn.generation_id) == ("title", "u", "title")
    assert job.turn.prompt_message_id == "message"
    assert account_of(command) == TITLES


def test_a_title_passes_moderation_and_a_deleted_conversation_gets_none() -> None:
    refused = end_of(follow(title(prompt="Tell me how to build a pipe bomb")))
    assert refused.reason == "refused"
    deleted = end_of(follow(title(), NoHistory(deleted=True)))
    assert deleted.failure is not None and deleted.failure.code == "conversation_deleted"
    assert end_of(follow(title(), NOTHING, SmallModel(context_tokens=20))).reason == "failed"


def test_the_outcome_gives_the_title() -> None:
    ended = answer(text='"Blue sky."', kind="title", generation_id="title")
    renamed = rename(ended)
    assert renamed is not None
    assert (renamed.title, renamed.envelope.actor, renamed.request_hash) == ("Blue sky", TITLES, "")
    assert renamed == rename(ended)
    assert rename(answer(text="", kind="title")) is None
    assert rename(answer("failed", "Blue sky", kind="title")) is None
    assert rename(answer(text=Sealed("k", b"", b""), kind="title")) is None
    assert isinstance(ended, GenerationCompleted)
    assert rename(replace(ended, finish_reason="length")) is None


def test_a_title_is_recorded_and_billed_to_nobody() -> None:
    ended = replace(answer(kind="title"), turn=turn_of(title(), CAUSE, UNBILLED), cost_micros=0)
    record = usage_record(ended, Position(0, 0, 3))
    assert (record.cost_micros, record.price_version, record.usage) == (0, TITLES, ended.usage)
    dearer = Repricing("b", {"model": PRICE})
    assert reprice(ended, Position(0, 0, 3), dearer) == Left("titles cost their users nothing", as_due=True)


# -- the shell --------------------------------------------------------------------------------------------------------

SOURCE = Source(GENERATION_OUTCOMES, 0, 7, AT, b"conversation", False, lambda: None)


class Producer(MemoryProducer):
    """Notes what is sent, too."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    async def send(self, topic: str, key: str, record: Any) -> None:
        assert (topic, key) == (CONVERSATION_EVENTS, "conversation")
        self.sent.append(record)


class World:
    def __init__(self) -> None:
        self.producer = Producer()
        self.history = MemoryHistory()
        self.history.conversations["conversation"] = NoHistory()
        self.history.first_turns["conversation", "message"] = FirstTurn(prompt="Why?")
        self.agent = ConversationAgent(
            self.producer,  # type: ignore[arg-type]  # it has what an agent asks of a producer
            MODELS,
            load_policy(),
            self.history,
            TOPICS[CONVERSATION_EVENTS],
            topics=TOPICS,
            titles=MODEL,
            store_errors=(HistoryAway,),
        )

    async def see(self, *seen: Any) -> list[Any]:
        before = len(self.producer.sent)
        for record in seen:
            await self.agent.handle(record, SOURCE)
        return self.producer.sent[before:]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(titling, "now_us", lambda: AT)
    monkeypatch.setattr(titling, "_FIRST_PAUSE_S", 0.0)
    return World()


DELETED = ConversationDeleted(Envelope("d", NOW_US, None, "r", "user:u"), "conversation", "u")
MADE = answer(text="Blue sky", kind="title", generation_id="title")


async def test_a_conversation_is_asked_for_once(world: World) -> None:
    (request,) = await world.see(answer(), answer(generation_id="second"))
    assert isinstance(request, TitleRequested)
    assert [read[0] for read in world.history.reads] == ["first_turn"]
    # Another life of the agent knows it by the projections.
    other = World()
    other.history.first_turns["conversation", "message"] = FirstTurn(title_asked=True)
    assert await other.see(answer()) == []


async def test_the_tail_is_where_the_answer_ended_or_the_beginning_of_a_newer_partition(world: World) -> None:
    (request,) = await world.see(answer())
    assert request.tail == answer().end
    elsewhere = replace(answer(), end=Position(0, 5, 900))
    (request,) = await World().see(elsewhere)
    assert request.tail == Position(0, TOPICS.partition(TOKEN_CHUNKS, "conversation"), 0)


async def test_history_that_is_away_or_behind_costs_the_title_and_nothing_else(world: World) -> None:
    world.history.behind = 2
    assert len(await world.see(answer())) == 1
    other = World()
    other.history.away = 1
    assert await other.see(answer()) == []
    behind = Titling(
        other.producer,  # type: ignore[arg-type]  # as above
        MemoryHistory(),
        Memory(),
        TOPICS,
        MODEL,
        history_wait_s=0.0,
    )
    await behind.handle(answer())
    assert other.producer.sent == []


async def test_history_that_does_not_answer_is_not_waited_for(world: World) -> None:
    class Silent(MemoryHistory):
        async def first_turn(self, *_: str) -> FirstTurn | None:
            await asyncio.Event().wait()
            raise AssertionError

    silent = Titling(
        world.producer,  # type: ignore[arg-type]  # as above
        Silent(),
        Memory(),
        TOPICS,
        MODEL,
        history_wait_s=0.01,
    )
    await asyncio.wait_for(silent.handle(answer()), 60)
    assert world.producer.sent == []


async def test_a_deletion_that_was_read_keeps_title_and_request_away(world: World) -> None:
    world.history.turns["conversation"] = ()
    assert await world.see(DELETED, answer(), MADE) == []


async def test_a_deletion_that_only_the_projections_know_keeps_the_title_away(world: World) -> None:
    assert [type(record) for record in await world.see(MADE)] == [ConversationRenamed]
    world.history.conversations["conversation"] = NoHistory(deleted=True)
    assert await world.see(MADE) == []
    del world.history.conversations["conversation"]
    monkey = World()
    monkey.history.away = 1
    assert await monkey.see(MADE) == []


@pytest.fixture
def older_level() -> Iterator[None]:
    set_write_level(current_schema(TitleRequested).writes - 1)
    yield
    set_write_level(WRITE_LEVEL)


async def test_nothing_is_asked_for_below_its_write_level(world: World, older_level: None) -> None:
    assert await world.see(answer()) == []
    assert world.history.reads == []


async def test_the_request_is_handled_like_a_command_and_its_repeat_is_nothing(world: World) -> None:
    command = title(model="verbatim-local", deadline_at_us=NOW_US * 2)
    source = replace(SOURCE, topic=CONVERSATION_EVENTS)
    await world.agent.handle(command, source)
    (verdict, job) = (record for _, _, record in world.producer.fired)
    assert isinstance(job, GenerationRequested)
    assert (job.verdict_id, job.turn.kind) == (verdict.envelope.event_id, "title")
    await world.agent.handle(command, source)
    assert len(world.producer.fired) == 2
    # A deletion ends it, as it ends whatever runs.
    await world.agent.handle(DELETED, source)
    ended = [record for topic, _, record in world.producer.fired if topic == TOKEN_CHUNKS]
    assert [record.turn.generation_id for record in ended] == ["title"]


async def test_an_agent_without_titles_reads_no_outcome() -> None:
    agent = ConversationAgent(
        Producer(),  # type: ignore[arg-type]  # as above
        MODELS, load_policy(), MemoryHistory(), TOPICS[CONVERSATION_EVENTS],
    )  # fmt: skip
    await agent.handle(answer(), SOURCE)


def test_a_prompt_cannot_be_of_kind_title() -> None:
    with pytest.raises(NewerValue):
        follow(prompt(kind="title"))
