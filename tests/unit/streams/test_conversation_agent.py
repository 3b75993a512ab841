"""The agent's shell: what it reads, what it waits for, and that it acknowledges nothing that is not durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from infra.models.catalogue import ModelCatalogue
from infra.models.tokenizers import TokenCounter
from infra.moderation.policy_file import load_policy
from infra.tiers.tier import NO_TIERS, Tier, Tiers
from schemas import ids
from schemas.codec import decode
from schemas.control import CancelRequested
from schemas.conversation import (
    ChatMessage,
    ConversationDeleted,
    ConversationStarted,
    GenerationDeleted,
    Request,
    Sampling,
)
from schemas.envelope import Envelope
from schemas.generation import GenerationEnded, GenerationRequested
from schemas.moderation import ModerationVerdict
from schemas.turns import turn_of
from streams.conversation import agent as agent_module
from streams.conversation.agent import ConversationAgent
from streams.conversation.ports import NoHistory
from streams.faust.app import Source
from tests.fakes.history import HistoryAway, MemoryHistory
from tests.records import CAUSE, NOW_US, prompt, regenerate, stateless, turn
from topics.catalogue import CONVERSATION_EVENTS, catalogue
from topics.errors import LogUnavailable, RecordRefused
from topics.headers import Headers, headers_of

MODELS = ModelCatalogue.load()
MODEL = MODELS.default_model
POLICY = load_policy()
SOURCE = Source("conversation-events", 1, 77, NOW_US, b"conversation", False, lambda: None)
STARTED = ConversationStarted(
    envelope=Envelope("s", NOW_US, None, "r", "user:u"),
    conversation_id="conversation",
    user_id="u",
    title=None,
    model=None,
    system_prompt="be brief",
)
DELETED = ConversationDeleted(Envelope("d", NOW_US, None, "r", "user:u"), "conversation", "u")
PROMPT = prompt(model=MODEL.id, deadline_at_us=NOW_US * 2)


class MemoryProducer:
    """Acknowledges each record in the loop's next turn, or refuses it."""

    def __init__(self) -> None:
        self.silent = False
        self.fired: list[tuple[str, str, Any]] = []
        self.refusals: list[KafkaError | None] = []

    def fire(
        self,
        topic: str,
        key: str,
        value: bytes,
        acknowledged: Callable[[KafkaError | None, int], None],
        headers: Headers | None,
    ) -> None:
        assert headers == headers_of(decode(value))
        self.fired.append((topic, key, decode(value)))
        error = self.refusals.pop(0) if self.refusals else None
        if not self.silent:
            asyncio.get_running_loop().call_soon(acknowledged, error, len(self.fired))

    def topics(self) -> list[str]:
        return [topic for topic, _, _ in self.fired]


class World:
    """An agent between a producer and a history of memory."""

    def __init__(self, wait_s: float = 5.0, tiers: Tiers = NO_TIERS) -> None:
        self.producer = MemoryProducer()
        self.history = MemoryHistory()
        self.agent = ConversationAgent(
            self.producer,  # type: ignore[arg-type]  # it has what an agent asks of a producer
            MODELS,
            POLICY,
            self.history,
            catalogue()[CONVERSATION_EVENTS],
            store_errors=(HistoryAway,),
            history_wait_s=wait_s,
            tiers=tiers,
        )

    async def see(self, *records: Any, source: Source = SOURCE) -> list[Any]:
        """What the agent produces for these records."""
        before = len(self.producer.fired)
        for record in records:
            await self.agent.handle(record, source)
        return [record for _, _, record in self.producer.fired[before:]]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "HISTORY_FIRST_PAUSE_S", 0.0)


async def test_a_first_prompt_needs_no_read_when_its_conversation_was_seen_to_begin(world: World) -> None:
    verdict, job = await world.see(STARTED, PROMPT)
    assert isinstance(verdict, ModerationVerdict) and isinstance(job, GenerationRequested)
    assert job.messages == (ChatMessage("system", "be brief"), ChatMessage("user", "hello"))
    assert world.history.reads == []
    assert world.producer.topics() == ["moderation-verdicts", "generation-jobs.default.interactive"]
    assert {key for _, key, _ in world.producer.fired} == {"conversation"}
    assert job.turn.price == MODEL.price


async def test_after_a_restart_the_conversation_is_read(world: World) -> None:
    world.history.conversations["conversation"] = NoHistory(system_prompt="be brief")
    _, job = await world.see(PROMPT)
    assert job.messages[0] == ChatMessage("system", "be brief")
    assert world.history.reads == [("beginning", "conversation")]


async def test_a_later_prompt_is_answered_with_its_history_once_that_is_there(world: World) -> None:
    history = (ChatMessage("user", "one"), ChatMessage("assistant", "two"))
    world.history.chains["conversation", "leaf"] = NoHistory(history, "be brief")
    world.history.away, world.history.behind = 2, 2
    _, job = await world.see(replace(PROMPT, parent_message_id="leaf"))
    assert [message.content for message in job.messages] == ["be brief", "one", "two", "hello"]
    assert len(world.history.reads) == 5


async def test_a_tier_with_less_context_is_told_less_of_the_history() -> None:
    history = (ChatMessage("user", "word " * 60), ChatMessage("assistant", "word " * 60)) * 3
    jobs = []
    for most in (None, 200):
        world = World(tiers=Tiers({**NO_TIERS.tiers, PROMPT.tier: Tier(name=PROMPT.tier, max_context_tokens=most)}))
        world.history.chains["conversation", "leaf"] = NoHistory(history, "be brief")
        *_, job = await world.see(replace(PROMPT, parent_message_id="leaf"))
        jobs.append(job)
    whole, less = jobs
    assert len(less.messages) < len(whole.messages)
    assert less.messages[-1] == whole.messages[-1]
    assert less.prompt_tokens < 200


async def test_history_that_does_not_come_in_time_ends_the_turn_retryable() -> None:
    world = World(wait_s=-1.0)
    world.history.away = 1
    _, end = await world.see(replace(PROMPT, parent_message_id="leaf"))
    assert isinstance(end, GenerationEnded) and end.failure is not None
    assert (end.failure.code, end.failure.retryable) == ("history_unavailable", True)
    assert world.producer.topics() == ["moderation-verdicts", "token-chunks"]


async def test_a_regeneration_reads_the_chain_of_its_prompt(world: World) -> None:
    world.history.chains["conversation", "message"] = NoHistory((ChatMessage("user", "the prompt"),))
    _, job = await world.see(regenerate(model=MODEL.id))
    assert [message.content for message in job.messages] == ["the prompt"]


async def test_a_stateless_request_reads_nothing(world: World) -> None:
    _, job = await world.see(stateless(ChatMessage("user", "hi"), model=MODEL.id))
    assert job.messages == (ChatMessage("user", "hi"),)
    assert world.history.reads == []


async def test_a_large_request_is_counted_beside_the_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[Any] = []
    in_thread = asyncio.to_thread

    async def noted(work: Any, *arguments: Any) -> Any:
        threads.append(work)
        return await in_thread(work, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    _, job = await world.see(stateless(ChatMessage("user", "word " * 4000), model=MODEL.id))
    assert len(threads) == 1 and isinstance(job, GenerationRequested)
    await world.see(stateless(*[ChatMessage("user", "")] * 300, model=MODEL.id, generation_id="another"))
    assert len(threads) == 2


@pytest.mark.parametrize("told", [True, False])
async def test_a_prompt_that_the_api_has_counted_is_not_counted_again(
    world: World, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    counter = TokenCounter.of(MODEL)
    tokens = counter.count_messages([ChatMessage("user", "hello")])
    counted: list[str] = []
    count_message = TokenCounter.count_message

    def noted(self: TokenCounter, message: ChatMessage) -> int:
        counted.append(str(message.content))
        return count_message(self, message)

    monkeypatch.setattr(TokenCounter, "count_message", noted)
    _, job = (await world.see(STARTED, replace(PROMPT, prompt_tokens=tokens if told else 0)))[-2:]
    assert counted == ["be brief"] if told else ["be brief", "hello"]
    assert job.prompt_tokens == counter.count_messages(
        [ChatMessage("system", "be brief"), ChatMessage("user", "hello")]
    )


async def test_the_same_command_again_brings_nothing_about(world: World) -> None:
    await world.see(STARTED, PROMPT)
    assert await world.see(PROMPT) == []


async def test_a_refused_acknowledgement_is_no_success_and_the_next_attempt_says_the_same(world: World) -> None:
    world.producer.refusals = [None, KafkaError(KafkaError._MSG_TIMED_OUT)]
    with pytest.raises(LogUnavailable):
        await world.see(STARTED, PROMPT)
    first = [record for _, _, record in world.producer.fired]
    again = await world.see(PROMPT, source=replace(SOURCE, maybe_repeat=True))
    assert again[0] == first[0]
    assert again[1] == replace(first[1], maybe_repeat=True)


async def test_a_verdict_that_the_log_did_not_take_is_followed_by_no_job(world: World) -> None:
    world.producer.refusals = [KafkaError(KafkaError._MSG_TIMED_OUT)]
    with pytest.raises(LogUnavailable):
        await world.see(STARTED, PROMPT)
    assert world.producer.topics() == ["moderation-verdicts"]


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD])
async def test_a_job_that_its_topic_refuses_ends_the_turn(world: World, code: int) -> None:
    world.producer.refusals = [None, KafkaError(code)]
    _, _, end = await world.see(STARTED, PROMPT)
    assert isinstance(end, GenerationEnded) and end.failure is not None
    assert end.failure.code == "context_length_exceeded"
    assert await world.see(PROMPT) == []


async def test_an_end_that_its_topic_refuses_is_the_commands_own_fault(world: World) -> None:
    world.producer.refusals = [None, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)]
    with pytest.raises(RecordRefused):
        await world.see(STARTED, replace(PROMPT, model="gone"))


async def test_an_unknown_model_ends_the_turn(world: World) -> None:
    _, end = await world.see(STARTED, replace(PROMPT, model="gone"))
    assert isinstance(end, GenerationEnded) and end.failure is not None and end.failure.code == "model_not_found"
    assert await world.see(replace(PROMPT, model="gone")) == []


async def test_a_job_that_no_record_can_hold_ends_the_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "MAX_JOB_BYTES", 100)
    verdict, end = await world.see(STARTED, PROMPT)
    assert isinstance(verdict, ModerationVerdict)
    assert isinstance(end, GenerationEnded) and end.failure is not None
    assert end.failure.code == "context_length_exceeded"
    assert world.producer.topics() == ["moderation-verdicts", "token-chunks"]


async def test_deletion_ends_what_this_agent_began_and_what_the_projections_know(world: World) -> None:
    known = turn_of(prompt(generation_id="projected"), CAUSE, MODEL.price)
    world.history.turns["conversation"] = (known,)
    await world.see(STARTED, PROMPT, replace(PROMPT, generation_id="other", conversation_id="elsewhere"))
    records = await world.see(DELETED)
    ends = [record for record in records if isinstance(record, GenerationEnded)]
    notices = [record for record in records if isinstance(record, CancelRequested)]
    assert {end.turn.generation_id for end in ends} == {"projected", "generation"}
    assert {notice.generation_id for notice in notices} == {"projected", "generation"}
    assert all(end.reason == "deleted" for end in ends)


SEVERAL = stateless(
    ChatMessage("user", "hello"),
    model=MODEL.id,
    deadline_at_us=NOW_US * 2,
    sampling=Sampling(seed=7),
    request=Request(choices=3),
)
CHOICES = ("generation", ids.choice_id("message", 1), ids.choice_id("message", 2))


def deleted_answer(generation_id: str) -> GenerationDeleted:
    return GenerationDeleted(
        envelope=Envelope("g", NOW_US, None, "r", "user:u"),
        conversation_id="conversation",
        user_id="user",
        generation_id=generation_id,
    )


async def test_several_answers_to_a_prompt_are_a_verdict_and_a_job_each(world: World) -> None:
    verdict, *jobs = await world.see(SEVERAL)
    assert isinstance(verdict, ModerationVerdict)
    assert all(isinstance(job, GenerationRequested) for job in jobs)
    assert tuple(job.turn.generation_id for job in jobs) == CHOICES
    assert [job.turn.choice for job in jobs] == [0, 1, 2]
    assert [job.sampling.seed for job in jobs] == [7, 8, 9]
    assert len({job.envelope.event_id for job in jobs}) == 3
    assert {job.verdict_id for job in jobs} == {verdict.envelope.event_id}
    assert len({(job.messages, job.prompt_tokens, job.sampling.max_tokens) for job in jobs}) == 1
    assert await world.see(SEVERAL) == []


async def test_where_no_job_can_be_all_of_several_answers_end(world: World) -> None:
    verdict, *ends = await world.see(replace(SEVERAL, model="gone"))
    assert isinstance(verdict, ModerationVerdict)
    assert tuple(end.turn.generation_id for end in ends) == CHOICES
    assert {end.failure.code for end in ends} == {"model_not_found"}
    assert len({end.envelope.event_id for end in ends}) == 3


async def test_a_prompt_in_a_conversation_has_one_answer_however_many_it_asks_for(world: World) -> None:
    assert len(await world.see(STARTED, replace(PROMPT, request=Request(choices=4)))) == 2


@pytest.mark.parametrize(("deleted", "ended"), [(CHOICES[0], CHOICES), (CHOICES[1], CHOICES[1:2])])
async def test_a_deleted_answer_that_runs_is_ended_the_first_of_several_with_all(
    world: World, deleted: str, ended: tuple[str, ...]
) -> None:
    await world.see(SEVERAL)
    records = await world.see(deleted_answer(deleted))
    ends = [record for record in records if isinstance(record, GenerationEnded)]
    assert tuple(end.turn.generation_id for end in ends) == ended
    assert {(end.reason, end.failure and end.failure.code) for end in ends} == {("deleted", "generation_deleted")}
    notices = [record.generation_id for record in records if isinstance(record, CancelRequested)]
    assert tuple(notices) == ended
    assert world.history.reads == []


async def test_what_a_restarted_agent_does_not_remember_is_looked_up_when_it_is_deleted(world: World) -> None:
    world.history.turns["conversation"] = (turn(generation_id="projected"),)
    end, _ = await world.see(deleted_answer("projected"))
    assert isinstance(end, GenerationEnded) and end.turn.generation_id == "projected"
    assert await world.see(deleted_answer("ended long ago")) == []


async def test_a_prompt_after_the_deletion_is_told_so_without_a_read(world: World) -> None:
    await world.see(STARTED, DELETED)
    world.history.reads.clear()
    _, end = await world.see(replace(PROMPT, parent_message_id="leaf"))
    assert isinstance(end, GenerationEnded) and end.failure is not None
    assert end.failure.code == "conversation_deleted"
    assert world.history.reads == []


async def test_a_deletion_waits_for_a_store_that_is_away(world: World) -> None:
    world.history.away = 1
    with pytest.raises(HistoryAway):
        await world.see(DELETED)
    assert await world.see(DELETED) == []


async def test_a_producer_that_says_nothing_is_not_waited_for_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.producer.silent = True
    with monkeypatch.context() as patched, pytest.raises(LogUnavailable):
        patched.setattr(agent_module, "ACKNOWLEDGED_S", 0.01)
        await world.see(STARTED, PROMPT)
    world.producer.silent = False
    assert len(await world.see(PROMPT)) == 2
