"""Turns through the real log: conversation agent, recorder, metering and watchdog as processes, killed on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infra.clock import now_us
from infra.ids import draw_id
from infra.settings import Settings
from schemas.codec import encode
from schemas.conversation import ChatMessage, ConversationDeleted, ConversationRenamed, PromptSubmitted, TitleRequested
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope
from schemas.generation import GenerationEnded, GenerationRequested
from schemas.moderation import ModerationVerdict
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from schemas.turns import TITLES, UNBILLED, Command
from schemas.usage import UsageRecorded
from tests.eventually import eventually_sync
from tests.generation_logs import chunk, ended, started, stopped
from tests.integration.streams_probe.conversation import TITLED
from tests.integration.turn_streams import FAUST, WAIT_S, Streams, records_of
from topics.catalogue import (
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    OVERFLOW,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    jobs_topic,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
JOBS = jobs_topic("default", "interactive")
OVERFLOW_JOBS = jobs_topic("default", "interactive", OVERFLOW)


@pytest.fixture(scope="module")
def streams(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(servers, tmp_path_factory.mktemp("streams"))
    for name in ("recorder", *FAUST):
        made.start(name)
    for process in made.running.values():
        process.ready()
    yield made
    statuses = {name: process.stop() for name, process in made.running.items()}
    assert set(statuses.values()) == {0}, {name: made.running[name].said()[-2000:] for name in statuses}


def test_a_prompt_is_judged_and_becomes_a_job(streams: Streams) -> None:
    def first_time() -> tuple[PromptSubmitted, GenerationRequested]:
        # Until an agent knows where the log ended when it began, a record may be a repeat to it.
        submitted = streams.prompt()
        streams.submit(submitted)
        job = streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
        assert not job.maybe_repeat
        return submitted, job

    submitted, job = eventually_sync(first_time)
    verdict = streams.one(MODERATION_VERDICTS, ModerationVerdict, generation_id=submitted.generation_id)
    assert verdict.decision == "allow"
    assert job.messages == (ChatMessage("system", "be brief"), ChatMessage("user", "hello"))
    assert job.turn.tail == submitted.tail


def test_a_later_prompt_goes_with_its_history(streams: Streams) -> None:
    submitted = streams.prompt(parent_message_id="leaf")
    streams.write(CONVERSATION_EVENTS, submitted.conversation_id, submitted)
    job = streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
    assert [message.content for message in job.messages] == ["question", "answer", "hello"]


def test_a_blocked_prompt_is_refused_recorded_and_costs_nothing(streams: Streams) -> None:
    submitted = streams.prompt("Please: VERBATIM refusal   test phrase")
    streams.submit(submitted)
    outcome = streams.one(GENERATION_OUTCOMES, GenerationRefused, turn__generation_id=submitted.generation_id)
    assert outcome.failure.code == "content_filter"
    usage = streams.one(USAGE_RECORDS, UsageRecorded, generation_id=submitted.generation_id)
    assert (usage.cost_micros, usage.outcome_type) == (0, "GenerationRefused")
    verdict = streams.one(MODERATION_VERDICTS, ModerationVerdict, generation_id=submitted.generation_id)
    assert (verdict.decision, verdict.rule) == ("block", "try-a-refusal")
    assert streams.read(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id) == []


def test_a_recorder_killed_in_the_middle_of_a_stream_says_exactly_the_same(streams: Streams) -> None:
    submitted = streams.prompt()
    streams.submit(submitted)
    job = streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
    other = streams.prompt()
    streams.submit(other)
    other_job = streams.one(JOBS, GenerationRequested, turn__generation_id=other.generation_id)

    conversation = submitted.conversation_id
    text = "".join(str(chunk("a", seq).delta) for seq in range(1, 7))
    records = records_of(submitted, job, started("a"), *[chunk("a", seq) for seq in range(1, 7)], ended("a", 6, text))
    streams.write(TOKEN_CHUNKS, conversation, *records[:4])
    whole = records_of(other, other_job, started("a"), chunk("a", 1), ended("a", 1, "<a1>"))
    streams.write(TOKEN_CHUNKS, other.conversation_id, *whole)
    streams.one(GENERATION_OUTCOMES, GenerationCompleted, turn__generation_id=other.generation_id)
    streams.running["recorder"].kill()
    streams.write(TOKEN_CHUNKS, conversation, *records[4:])
    streams.start("recorder").ready()

    def outcomes(generation: str) -> list[bytes]:
        found = streams.read(GENERATION_OUTCOMES, GenerationCompleted, turn__generation_id=generation)
        assert found
        return [encode(outcome) for outcome in found]

    said = eventually_sync(lambda: outcomes(submitted.generation_id), WAIT_S)
    # The other generation ended after the open one began: it is read again, and said again in the same words.
    eventually_sync(lambda: len(outcomes(other.generation_id)) == 2, WAIT_S)
    assert len(set(outcomes(other.generation_id))) == 1
    (outcome,) = streams.read(GENERATION_OUTCOMES, GenerationCompleted, turn__generation_id=submitted.generation_id)
    assert len(said) == 1
    assert (outcome.text, [mark.length for mark in outcome.chunks]) == (text, [4] * 6)

    def usages() -> list[UsageRecorded]:
        found = streams.read(USAGE_RECORDS, UsageRecorded, generation_id=other.generation_id)
        assert found
        return found

    assert len({usage.envelope.event_id for usage in eventually_sync(usages, WAIT_S)}) == 1


def test_damage_in_the_token_stream_is_parked_and_the_stream_goes_on(streams: Streams) -> None:
    submitted = streams.prompt()
    streams.submit(submitted)
    job = streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
    records = records_of(submitted, job, started("a"), chunk("a", 1), ended("a", 1, "<a1>"))
    future = b"\x00\x00\xff\xff\xff" + submitted.generation_id.encode()
    key = submitted.conversation_id
    streams.write(TOKEN_CHUNKS, key, records[0], future, records[1], job, records[2])
    streams.one(GENERATION_OUTCOMES, GenerationCompleted, turn__generation_id=submitted.generation_id)

    def letters() -> list[DeadLetter]:
        found = [letter for letter in streams.read(DEAD_LETTERS, DeadLetter) if letter.key == key.encode()]
        assert len(found) == 2
        return found

    unknown, misplaced = eventually_sync(letters, WAIT_S)
    assert (unknown.topic, unknown.value, unknown.consumer) == (TOKEN_CHUNKS, future, "streams.recorder")
    assert "not in the index" in unknown.reason
    assert misplaced.offset == unknown.offset + 2
    assert "GenerationRequested does not belong" in misplaced.reason


def test_what_nobody_ends_is_ended_by_the_watchdog_and_billed_as_far_as_it_came(streams: Streams) -> None:
    silent = streams.prompt(deadline_s=-4.0)
    halfway = streams.prompt(deadline_s=-3.0)
    finished = streams.prompt(deadline_s=-4.0)
    job = GenerationRequested  # the tests play the worker: what matters of a job is its turn
    streams.submit(silent, halfway, finished)
    jobs = {
        submitted.generation_id: streams.one(JOBS, job, turn__generation_id=submitted.generation_id)
        for submitted in (halfway, finished)
    }
    streams.write(
        TOKEN_CHUNKS,
        halfway.conversation_id,
        *records_of(halfway, jobs[halfway.generation_id], started("a"), chunk("a", 1)),
    )
    streams.write(
        TOKEN_CHUNKS,
        finished.conversation_id,
        *records_of(finished, jobs[finished.generation_id], started("a"), chunk("a", 1), ended("a", 1, "<a1>")),
    )
    for submitted, text in ((silent, ""), (halfway, "<a1>")):
        outcome = streams.one(GENERATION_OUTCOMES, GenerationFailed, turn__generation_id=submitted.generation_id)
        assert (outcome.failure.code, outcome.failure.retryable, outcome.text) == ("timeout", True, text)
        assert outcome.turn.request_hash == submitted.request_hash
    assert outcome.usage.completion_tokens == 1
    ends = streams.read(TOKEN_CHUNKS, GenerationEnded, turn__generation_id=finished.generation_id)
    assert ends == []


def test_deleting_a_conversation_ends_what_runs_in_it(streams: Streams) -> None:
    submitted = streams.prompt()
    streams.submit(submitted)
    streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
    envelope = Envelope(draw_id(), now_us(), None, "request", "user:u")
    deleted = ConversationDeleted(envelope, submitted.conversation_id, "u")
    streams.write(CONVERSATION_EVENTS, submitted.conversation_id, deleted)
    end = streams.one(TOKEN_CHUNKS, GenerationEnded, turn__generation_id=submitted.generation_id)
    assert end.reason == "deleted"
    assert streams.topics[CONTROL].partitions == 1


def test_the_first_answer_brings_about_a_title_of_the_lowest_class_that_nobody_pays(streams: Streams) -> None:
    first, second = streams.prompt(message_id=f"{TITLED}{draw_id()}"), streams.prompt()
    second = replace(second, conversation_id=first.conversation_id, message_id=f"{TITLED}{draw_id()}")
    streams.submit(first, second)
    for submitted in (first, second):
        answered(
            streams, submitted, streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
        )
    asked = streams.one(CONVERSATION_EVENTS, TitleRequested, conversation_id=first.conversation_id)
    assert (asked.answer_id, asked.prompt) == (first.generation_id, "Why is the sky blue?")
    background = jobs_topic("default", "background")
    job = streams.one(background, GenerationRequested, turn__generation_id=asked.generation_id)
    assert (job.turn.kind, job.turn.price, job.turn.prompt_message_id) == ("title", UNBILLED, first.message_id)
    answered(streams, asked, job, '"Blue sky."')
    renamed = streams.one(CONVERSATION_EVENTS, ConversationRenamed, conversation_id=first.conversation_id)
    assert (renamed.title, renamed.envelope.actor, renamed.user_id) == ("Blue sky", TITLES, first.user_id)
    usage = streams.one(USAGE_RECORDS, UsageRecorded, generation_id=asked.generation_id)
    assert (usage.cost_micros, usage.price_version, usage.usage.completion_tokens) == (0, TITLES, 1000)


def answered(streams: Streams, asked: Command, job: GenerationRequested, text: str = "It scatters light.") -> None:
    """Play the worker: the answer, as of now."""
    last = replace(ended("a", 1, text), at_us=now_us())
    streams.write(TOKEN_CHUNKS, asked.conversation_id, *records_of(asked, job, started("a"), chunk("a", 1, text), last))
    streams.one(GENERATION_OUTCOMES, GenerationCompleted, turn__generation_id=asked.generation_id)


def test_agents_killed_between_prompt_and_job_lose_no_turn(streams: Streams) -> None:
    prompts = [streams.prompt() for _ in range(60)]
    streams.submit(*prompts[:30])
    streams.running["conversation"].kill()
    streams.submit(*prompts[30:])
    streams.start("conversation").ready()

    def all_begun() -> dict[str, list[Any]]:
        jobs: dict[str, list[Any]] = {submitted.generation_id: [] for submitted in prompts}
        # One user asked them all: most of them wait in the lane of a backlog.
        for job in (*streams.read(JOBS, GenerationRequested), *streams.read(OVERFLOW_JOBS, GenerationRequested)):
            if job.turn.generation_id in jobs:
                jobs[job.turn.generation_id].append(job)
        assert all(jobs.values())
        return jobs

    for jobs in eventually_sync(all_begun, WAIT_S).values():
        # A second job says so, and is the same otherwise; it may wait in the other lane.
        assert sum(not job.maybe_repeat for job in jobs) <= 1
        assert len({encode(replace(job, maybe_repeat=True, lane="")) for job in jobs}) == 1


def test_a_cancel_before_the_first_token_is_recorded_once_also_across_a_restart(streams: Streams) -> None:
    submitted = streams.prompt(user_id="another")
    streams.submit(submitted)
    job = streams.one(JOBS, GenerationRequested, turn__generation_id=submitted.generation_id)
    streams.running["recorder"].kill()
    streams.write(TOKEN_CHUNKS, submitted.conversation_id, *records_of(submitted, job, stopped("cancelled", 0)))
    streams.start("recorder").ready()

    outcome = streams.one(GENERATION_OUTCOMES, GenerationCancelled, turn__generation_id=submitted.generation_id)
    assert (outcome.reason, outcome.seen, outcome.text, outcome.attempts) == ("cancelled", 0, "", 0)
