"""What follows from a command: always a verdict, then exactly one job or one end."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.models.tool_tokens import tools_message
from infra.moderation.policy import Policy, Rule
from schemas.codec import NewerRecord, encode
from schemas.conversation import ChatMessage, ConversationDeleted, Request, Sampling
from schemas.envelope import Envelope, Sealed, plain
from schemas.generation import GenerationEnded
from schemas.moderation import ModerationVerdict
from schemas.parts import ContentPart, ToolDefinition, Tooling
from schemas.turns import Command, turn_of
from streams.conversation.compaction import INSTRUCTION
from streams.conversation.context import assemble
from streams.conversation.ports import Context, NoHistory
from streams.conversation.reactor import characters, react, react_to_deletion
from tests.records import CAUSE, NOW_US, prompt, regenerate, stateless
from tests.unit.streams.conversing import NOTHING, POLICY, PRICE, SmallModel, Words, end_of, follow, job_of
from topics.catalogue import CONTROL, TOKEN_CHUNKS, jobs_topic


@pytest.mark.parametrize(("told", "tokens"), [(40, 43), (0, 7), (-1, 7), (2**31, 7), (2**62, 7)])
def test_what_the_api_counted_of_a_stateless_request_is_not_counted_again(told: int, tokens: int) -> None:
    said = replace(stateless(ChatMessage("user", "one")), prompt_tokens=told)
    job = job_of(follow(said, model=SmallModel(system_prompt="house rules")))
    assert job.prompt_tokens == tokens


def test_a_prompt_becomes_a_verdict_and_a_job() -> None:
    outs = follow(prompt("what is up"))
    verdict = outs[0].record
    assert isinstance(verdict, ModerationVerdict)
    assert (verdict.decision, verdict.policy_version) == ("allow", POLICY.version)
    job = job_of(outs)
    assert job.verdict_id == verdict.envelope.event_id
    assert [(m.role, m.content) for m in job.messages] == [("user", "what is up")]
    assert job.prompt_tokens == 2 + 1 + 3
    assert job.turn.cause == CAUSE
    assert job.sampling.max_tokens == 40
    assert outs[1].topic == jobs_topic("default", "interactive")
    assert job.first_token_timeout_ms == 30_000


def test_a_blocked_prompt_reaches_no_engine() -> None:
    end = end_of(follow(prompt("Tell me how to build a pipe bomb")))
    assert end.reason == "refused"
    assert end.failure is not None and (end.failure.code, end.failure.retryable) == ("content_filter", False)


def policy_of(decision: Any) -> Policy:
    """One rule, for prompts with "owl" in them."""
    return Policy("v", (Rule("owls", "birds", decision, re.compile("owl")),))


def test_what_is_to_be_reviewed_is_recorded_and_answered() -> None:
    outs = follow(prompt("an owl"), policy=policy_of("review"))
    verdict = outs[0].record
    assert isinstance(verdict, ModerationVerdict)
    assert (verdict.decision, verdict.rule) == ("review", "owls")
    assert job_of(outs).verdict_id == verdict.envelope.event_id


@pytest.mark.parametrize("role", ["user", "assistant", "tool"])
def test_what_was_imported_is_judged_with_the_first_prompt_that_follows_it(role: str) -> None:
    said = (ChatMessage("user", "before"), ChatMessage(role, "how to build a pipe bomb"))
    judged, unjudged = NoHistory(said), NoHistory(said, unjudged=said[1:])
    assert end_of(follow(prompt("and then?"), unjudged)).reason == "refused"
    assert job_of(follow(prompt("and then?"), judged)).messages[-1].content == "and then?"
    again = NoHistory((*said, ChatMessage("user", "and then?")), unjudged=said[1:])
    assert end_of(follow(regenerate(), again)).reason == "refused"


def test_a_decision_that_is_not_known_allows_nothing() -> None:
    outs = follow(prompt("an owl"), policy=policy_of("hold"))
    assert str(outs[0].record.decision) == "hold"
    assert end_of(outs).reason == "refused"


def test_of_several_decisions_an_unknown_one_is_the_severest() -> None:
    rules = [rule for decision in ("block", "hold", "allow") for rule in policy_of(decision).rules]
    found: str = Policy("v", tuple(rules)).judge(("an owl",)).decision
    assert found == "hold"


@pytest.mark.parametrize(
    "command",
    [
        prompt("hi", service_class="express"),
        prompt("hi", kind="draft"),
        stateless(replace(ChatMessage("user", "no"), role="critic")),
        regenerate(service_class="express"),
    ],
)
def test_a_word_of_a_newer_release_where_it_decides_stops_the_agent(command: Command) -> None:
    with pytest.raises(NewerRecord, match="upgrade"):
        follow(command)


def test_a_command_of_absurd_size_ends_within_the_limits_of_its_topics() -> None:
    huge = "x" * 2_000_000
    envelope = replace(prompt().envelope, correlation_id=huge)
    command = prompt(model=huge, request_hash=huge, envelope=envelope)
    for out in follow(command, model=None):
        assert len(encode(out.record)) < 500_000


def test_a_blocked_prompt_is_refused_before_anything_else_is_looked_at() -> None:
    end = end_of(follow(prompt("how to build a pipe bomb"), context=None, model=None))
    assert end.reason == "refused"


@pytest.mark.parametrize(
    ("context", "model", "code", "retryable"),
    [
        (None, SmallModel(), "history_unavailable", True),
        (NoHistory(deleted=True), SmallModel(), "conversation_deleted", False),
        (NoHistory(), None, "model_not_found", False),
        (NoHistory(), SmallModel(context_tokens=4), "context_length_exceeded", False),
    ],
)
def test_what_cannot_be_answered_ends(context: Context | None, model: Any, code: str, retryable: bool) -> None:
    end = end_of(follow(prompt("one two three"), context, model))
    assert end.reason == "failed"
    assert end.failure is not None and (end.failure.code, end.failure.retryable) == (code, retryable)


def test_history_goes_before_the_prompt_and_the_system_prompt_first() -> None:
    history = (ChatMessage("user", "first"), ChatMessage("assistant", "answer"))
    job = job_of(follow(prompt("second"), NoHistory(history, "be brief")))
    assert [(m.role, m.content) for m in job.messages] == [
        ("system", "be brief"),
        ("user", "first"),
        ("assistant", "answer"),
        ("user", "second"),
    ]


def test_the_models_system_prompt_is_used_where_the_conversation_has_none() -> None:
    job = job_of(follow(prompt(), NoHistory(), SmallModel(system_prompt="house rules")))
    assert job.messages[0] == ChatMessage("system", "house rules")
    job = job_of(follow(prompt(), NoHistory((), "own"), SmallModel(system_prompt="house rules")))
    assert job.messages[0] == ChatMessage("system", "own")


def test_the_newest_history_is_kept_when_not_all_fits() -> None:
    history = tuple(ChatMessage("user", f"m{n} " + "w " * 18) for n in range(10))
    job = job_of(follow(prompt("now", sampling=Sampling(max_tokens=30)), NoHistory(history, "sys")))
    assert [plain(m.content).split()[0] for m in job.messages] == ["sys", "m7", "m8", "m9", "now"]
    assert job.prompt_tokens + 30 <= 100


def test_a_regeneration_answers_the_prompt_at_the_end_of_its_context() -> None:
    job = job_of(follow(regenerate(), NoHistory((ChatMessage("user", "the prompt"),))))
    assert [m.content for m in job.messages] == ["the prompt"]
    assert job.turn.prompt_message_id == "message"


def test_a_regeneration_of_a_blocked_prompt_is_refused() -> None:
    context = NoHistory((ChatMessage("user", "how to build a pipe bomb"),))
    assert end_of(follow(regenerate(), context)).reason == "refused"


def test_a_stateless_request_is_taken_whole() -> None:
    messages = (ChatMessage("system", "s"), ChatMessage("user", "u"), ChatMessage("assistant", "a"))
    job = job_of(follow(stateless(*messages, ChatMessage("user", "v"))))
    assert job.messages == (*messages, ChatMessage("user", "v"))


def test_max_tokens_never_passes_the_context() -> None:
    job = job_of(follow(stateless(ChatMessage("user", "w " * 80))))
    assert job.sampling.max_tokens == 100 - job.prompt_tokens


def test_the_same_command_gives_the_same_records() -> None:
    assert follow(prompt()) == follow(prompt())


def test_deletion_ends_what_is_open_and_rings() -> None:
    deleted = ConversationDeleted(Envelope("d", NOW_US, None, "r", "user:u"), "conversation", "u")
    outs = react_to_deletion(deleted, (turn_of(prompt(), CAUSE, PRICE),))
    assert [(out.topic, out.key) for out in outs] == [(TOKEN_CHUNKS, "conversation"), (CONTROL, "generation")]
    end = outs[0].record
    assert isinstance(end, GenerationEnded) and end.reason == "deleted"
    assert react_to_deletion(deleted, ()) == ()


@given(
    st.lists(st.tuples(st.sampled_from(("user", "assistant")), st.integers(0, 30)), max_size=12),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 200),
    st.integers(0, 100),
)
def test_assembly_keeps_the_longest_tail_that_fits(
    turns: list[tuple[str, int]], system: int, asked: int, limit: int, reserve: int
) -> None:
    counter = Words()
    history = [ChatMessage(role, "w " * size) for role, size in turns]
    rules = [ChatMessage("system", "s " * system)] if system else []
    question = ChatMessage("user", "q " * asked)
    fixed = counter.count_messages([*rules, question])
    found = assemble(rules, history, [question], counter, limit=limit, reserve=reserve)
    if found is None:
        assert fixed >= limit
        return
    assert found.prompt_tokens == counter.count_messages(found.messages) < limit
    assert found.prompt_tokens <= max(limit - reserve, fixed)
    kept = len(found.messages) - len(rules) - 1
    assert list(found.messages) == [*rules, *history[len(history) - kept :], question]
    if kept < len(history):
        # What was left out does not fit, or is an answer whose prompt does not fit.
        left_out = history[: len(history) - kept]
        more = counter.count_message(left_out[-1])
        while left_out and left_out[-1].role == "assistant":
            left_out.pop()
            more += counter.count_message(left_out[-1]) if left_out else limit
        assert found.prompt_tokens + more > limit - reserve
        assert not kept or history[len(history) - kept].role != "assistant"


def test_a_prompt_longer_than_what_history_must_leave_is_still_answered() -> None:
    job = job_of(follow(prompt("w " * 80, sampling=Sampling(max_tokens=40))))
    assert job.sampling.max_tokens == 100 - job.prompt_tokens


def test_a_stateless_request_keeps_its_own_order_of_messages() -> None:
    messages = (ChatMessage("user", "u"), ChatMessage("system", "late rules"), ChatMessage("user", "v"))
    assert job_of(follow(stateless(*messages), model=SmallModel(system_prompt="house"))).messages == messages


def test_a_stateless_request_over_the_context_ends() -> None:
    end = end_of(follow(stateless(ChatMessage("user", "w " * 99))))
    assert end.failure is not None and end.failure.code == "context_length_exceeded"


@pytest.mark.parametrize("messages", [(), (ChatMessage("user", "earlier"), ChatMessage("assistant", "answer"))])
def test_a_regeneration_whose_prompt_is_no_part_of_the_conversation_ends(messages: tuple[ChatMessage, ...]) -> None:
    end = end_of(follow(regenerate(), NoHistory(messages)))
    assert end.failure is not None and end.failure.code == "message_not_found"


def test_a_repeat_is_marked_in_the_job_alone() -> None:
    turn = turn_of(prompt(), CAUSE, PRICE)
    first = react(prompt(), turn, NOTHING, SmallModel(), Words(), POLICY, maybe_repeat=False)
    again = react(prompt(), turn, NOTHING, SmallModel(), Words(), POLICY, maybe_repeat=True)
    assert first[0] == again[0]
    assert job_of(again) == replace(job_of(first), maybe_repeat=True)


def test_the_characters_of_a_reaction_are_those_it_looks_at() -> None:
    history = NoHistory((ChatMessage("user", "12345"),))
    assert characters(prompt("123"), history) == 8
    assert characters(stateless(ChatMessage("user", "1234")), NOTHING) == 4
    assert characters(regenerate(), history) == 5
    assert characters(regenerate(), None) == 0


TOOLS = Tooling(tools=(ToolDefinition("add", "counts owls", '{"type": "object"}'),))


def test_tools_count_in_the_prompt_and_leave_less_room_for_history() -> None:
    history = tuple(ChatMessage("user", f"m{n} " + "w " * 18) for n in range(10))
    plain_job = job_of(follow(prompt("now"), NoHistory(history)))
    offered = Words().count_message(tools_message(TOOLS)[0])
    job = job_of(follow(prompt("now", request=Request(tooling=TOOLS)), NoHistory(history)))
    assert job.tooling == TOOLS
    assert job.prompt_tokens == Words().count_messages(job.messages) + offered
    assert len(job.messages) <= len(plain_job.messages)
    alone = job_of(follow(stateless(ChatMessage("user", "hello"), request=Request(tooling=TOOLS))))
    assert alone.prompt_tokens == Words().count_messages(alone.messages) + offered


def test_what_the_api_counted_of_a_stateless_request_has_its_tools_in_it() -> None:
    asked = stateless(ChatMessage("user", "hello"), request=Request(tooling=TOOLS), prompt_tokens=17)
    assert job_of(follow(asked)).prompt_tokens == 17


def test_tools_and_instructions_are_judged_too() -> None:
    policy = policy_of("block")
    assert end_of(follow(prompt(request=Request(tooling=TOOLS)), policy=policy)).reason == "refused"
    assert end_of(follow(prompt(request=Request(instructions="Be an owl.")), policy=policy)).reason == "refused"
    job_of(follow(prompt(request=Request(instructions="Be brief.")), policy=policy))
    told = Sampling(template_kwargs='{"persona":"an owl"}')
    assert end_of(follow(prompt(sampling=told), policy=policy)).reason == "refused"


def test_a_conversation_is_compacted_with_what_is_given_and_an_instruction_at_the_end() -> None:
    history = (ChatMessage("user", "first"), ChatMessage("assistant", "answer"))
    given = (ChatMessage("user", "and this"),)
    asked = prompt(None, kind="compaction", parent_message_id="leaf", messages=given)
    job = job_of(follow(asked, NoHistory(history)))
    assert job.turn.kind == "compaction"
    assert job.messages == (*history, *given, ChatMessage("user", INSTRUCTION))


def test_what_is_too_long_to_be_compacted_whole_loses_its_beginning() -> None:
    history = tuple(ChatMessage("user", f"m{n} " + "w " * 18) for n in range(10))
    asked = prompt(None, kind="compaction", parent_message_id="leaf", messages=())
    job = job_of(follow(asked, NoHistory(history), SmallModel(context_tokens=140)))
    assert job.messages[-2:] == (history[-1], ChatMessage("user", INSTRUCTION))
    assert len(job.messages) < len(history)


def test_results_go_to_a_model_with_their_calls_however_little_room_there_is() -> None:
    call = ChatMessage("assistant", "", None, (ContentPart("tool_call", "{}", "call-1", "add"),))
    results = tuple(ChatMessage("tool", "", None, (ContentPart("tool_result", f"r{n}", "call-1"),)) for n in (1, 2))
    history = (ChatMessage("user", "w " * 90), call)
    for command, context in (
        (prompt(None, messages=results, parent_message_id="leaf"), NoHistory(history)),
        (regenerate(), NoHistory((*history, *results))),
    ):
        assert job_of(follow(command, context)).messages == (call, *results)


def test_a_prompt_that_brings_instructions_keeps_no_more_history_than_another() -> None:
    history = (ChatMessage("user", "first"), ChatMessage("assistant", "w " * 90))
    asked = (ChatMessage("system", "Be brief."), ChatMessage("user", "again"))
    job = job_of(follow(prompt(None, messages=asked, parent_message_id="leaf"), NoHistory(history)))
    assert job.messages == asked


def test_a_prompt_after_one_without_an_answer_is_one_message_with_it() -> None:
    history = (ChatMessage("user", "hi"), ChatMessage("assistant", "hello"), ChatMessage("user", "lost words"))
    context = NoHistory(history, unanswered=True)
    job = job_of(follow(prompt("say it again", parent_message_id="leaf"), context))
    assert job.messages == (*history[:2], ChatMessage("user", "lost words\n\nsay it again"))
    assert job.prompt_tokens == Words().count_messages(job.messages)
    put_in = job_of(follow(prompt("say it again", parent_message_id="leaf"), NoHistory(history)))
    assert [message.role for message in put_in.messages] == ["user", "assistant", "user", "user"]
    again = job_of(follow(regenerate(), context))
    assert again.messages == history


def test_a_prompt_without_an_answer_is_left_out_where_there_is_no_room_for_it() -> None:
    context = NoHistory((ChatMessage("user", "w " * 90),), unanswered=True)
    asked = prompt("now", parent_message_id="leaf", sampling=Sampling(max_tokens=20))
    assert job_of(follow(asked, context)).messages == (ChatMessage("user", "now"),)


def test_sealed_words_are_joined_with_none() -> None:
    history = (ChatMessage("user", Sealed("k", b"n", b"c")),)
    counts = RememberedWords()
    found = assemble((), history, (ChatMessage("user", "now"),), counts, limit=100, reserve=10, unanswered=True)
    assert found is not None and found.messages == (*history, ChatMessage("user", "now"))


class RememberedWords(Words):
    """Counts sealed content as nothing."""

    def count_message(self, message: ChatMessage) -> int:
        return 0 if isinstance(message.content, Sealed) else super().count_message(message)
