"""What became of a generation: crashes, cancellations, refusals, ends by the watchdog, and one that runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.log_view.summaries import summary_of
from api.log_view.timeline import timeline_of
from schemas import ids
from schemas.conversation import ChatMessage, Request
from schemas.outcome import ChunkMark
from schemas.turns import generations_of
from tests.generation_logs import TURN, chunk, ended, naive_reading, started, stopped
from tests.records import stateless, title
from tests.unit.api.log_view.logged import START_MS, Written, bill, job, outcome, prompt, verdict
from topics.catalogue import (
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    jobs_topic,
)

JOBS = jobs_topic("default", "interactive")


def asked() -> Written:
    """A prompt, judged and queued."""
    log = Written()
    log.add(CONVERSATION_EVENTS, prompt())
    log.add(MODERATION_VERDICTS, verdict())
    log.add(JOBS, job())
    return log


def told(log: Written) -> dict[str, Any]:
    return timeline_of(TURN.generation_id, log.events)


def stages(log: Written) -> list[str]:
    return [stage["stage"] for stage in told(log)["stages"]]


def attempts(log: Written, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(attempt[name] for name in names) for attempt in told(log)["attempts"]]


def test_a_whole_turn() -> None:
    log = asked()
    for record in (started("a"), chunk("a", 1, "Hello"), chunk("a", 2, " you"), ended("a", 2, "Hello you")):
        log.add(TOKEN_CHUNKS, record)
    log.add(GENERATION_OUTCOMES, outcome())
    log.add(USAGE_RECORDS, bill())
    found = told(log)
    assert [(stage["stage"], stage["sinceStartMs"]) for stage in found["stages"]] == [
        ("accepted", 0),
        ("moderated", 10),
        ("queued", 20),
        ("attempt", 30),
        ("first_token", 40),
        ("ended", 60),
        ("stored", 70),
        ("billed", 80),
    ]
    assert found["stages"][4].items() >= {"topic": TOKEN_CHUNKS, "partition": 0, "offset": 1}.items()
    assert found["stages"][5]["detail"] == {"how": "completed", "lastSeq": 2, "failure": None}
    (attempt,) = found["attempts"]
    assert (attempt["number"], attempt["worker"], attempt["chunks"], attempt["end"]) == (1, "worker", 2, "completed")
    assert (attempt["firstSeq"], attempt["lastSeq"]) == (1, 2)
    assert attempt["startedAt"] < attempt["firstTokenAt"] < attempt["endedAt"]
    assert [(seq, size) for seq, _, size in found["chunks"]] == [(1, 5), (2, 4)]


def test_a_verdict_stands_before_what_it_allowed_whatever_the_clocks_say() -> None:
    """Each partition has its broker's time."""
    log = Written()
    log.add(CONVERSATION_EVENTS, prompt())
    for record in (started("a"), chunk("a", 1, "Hi")):
        log.add(TOKEN_CHUNKS, record)
    allowed = verdict()
    place = log.add(MODERATION_VERDICTS, allowed)
    log.add(GENERATION_OUTCOMES, outcome())
    log.add(JOBS, replace(job(), verdict_id=allowed.envelope.event_id))
    log.add(TOKEN_CHUNKS, ended("a", 1, "Hi"))
    found = told(log)["stages"]
    assert [stage["stage"] for stage in found] == [
        "accepted", "moderated", "queued", "attempt", "first_token", "ended", "stored",
    ]  # fmt: skip
    named = {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    assert found[2]["detail"]["verdict"] == named
    assert named.items() <= found[1].items()


def test_a_job_of_before_verdicts_were_named_names_none() -> None:
    log = asked()
    assert "verdict" not in told(log)["stages"][2]["detail"]


def test_a_title_is_told_as_any_other_generation() -> None:
    log = Written()
    log.add(CONVERSATION_EVENTS, title(generation_id=TURN.generation_id))
    log.add(MODERATION_VERDICTS, verdict())
    log.add(jobs_topic("default", "background"), job())
    assert stages(log) == ["accepted", "moderated", "queued"]
    assert log.events[0].generation_id == TURN.generation_id
    assert summary_of(log.events[0].record) == "a title, by model"


def test_a_crash_and_the_attempt_that_took_over() -> None:
    log = asked()
    log.add(TOKEN_CHUNKS, started("a"))
    log.add(TOKEN_CHUNKS, chunk("a", 1))
    last = log.add(TOKEN_CHUNKS, chunk("a", 2))
    log.add(TOKEN_CHUNKS, started("b", 2), after_ms=3000)
    log.add(TOKEN_CHUNKS, chunk("a", 3))  # of one that does not know yet that it was replaced: it counts nothing
    log.add(TOKEN_CHUNKS, chunk("b", 3))
    log.add(TOKEN_CHUNKS, ended("b", 3, "<a1><a2><b3>"))
    assert attempts(log, "number", "chunks", "firstSeq", "lastSeq", "end") == [
        (1, 2, 1, 2, "crashed"),
        (2, 1, 3, 3, "completed"),
    ]
    crashed = told(log)["attempts"][0]
    assert crashed["endedAt"].endswith(f"{last.timestamp_ms % 1000:03d}Z")
    assert [seq for seq, _, _ in told(log)["chunks"]] == [1, 2, 3]
    assert stages(log) == ["accepted", "moderated", "queued", "attempt", "first_token", "attempt", "ended"]


def test_a_worker_that_hands_over_has_not_crashed() -> None:
    log = asked()
    log.add(TOKEN_CHUNKS, started("a"))
    log.add(TOKEN_CHUNKS, chunk("a", 1))
    log.add(TOKEN_CHUNKS, ended("a", 1, "<a1>", "handed_over"))
    log.add(TOKEN_CHUNKS, started("b", 2))
    assert attempts(log, "number", "end") == [(1, "handed_over"), (2, None)]
    assert "ended" not in stages(log)


def test_cancelled_while_it_waited() -> None:
    log = asked()
    log.add(TOKEN_CHUNKS, stopped("cancelled"))
    found = told(log)
    assert (found["attempts"], found["chunks"]) == ([], [])
    assert stages(log) == ["accepted", "moderated", "queued", "ended"]
    assert found["stages"][-1]["detail"]["how"] == "cancelled"


def test_refused_by_moderation() -> None:
    log = Written()
    log.add(CONVERSATION_EVENTS, prompt())
    log.add(TOKEN_CHUNKS, stopped("refused"))
    log.add(MODERATION_VERDICTS, verdict("block"))
    assert stages(log) == ["accepted", "moderated", "ended"]
    assert told(log)["stages"][1]["detail"]["decision"] == "block"


def test_ended_by_the_watchdog() -> None:
    log = asked()
    log.add(TOKEN_CHUNKS, started("a"))
    log.add(TOKEN_CHUNKS, chunk("a", 1))
    log.add(TOKEN_CHUNKS, stopped("expired"), after_ms=60_000)
    log.add(TOKEN_CHUNKS, chunk("a", 2))
    assert attempts(log, "chunks", "end") == [(1, "expired")]
    assert stages(log)[-1] == "ended"


def test_one_that_runs_has_no_end() -> None:
    log = asked()
    log.add(TOKEN_CHUNKS, started("a"))
    assert attempts(log, "end", "endedAt", "firstTokenAt", "firstSeq") == [(None, None, None, None)]
    log.add(TOKEN_CHUNKS, chunk("a", 1))
    assert stages(log)[-1] == "first_token"


def test_what_came_twice_counts_once() -> None:
    log = asked()
    log.add(CONVERSATION_EVENTS, prompt())
    log.add(JOBS, job())
    for _ in range(2):
        log.add(GENERATION_OUTCOMES, outcome())
        log.add(USAGE_RECORDS, bill())
    assert stages(log) == ["accepted", "moderated", "queued", "stored", "billed"]


def test_without_its_chunks_in_the_log_the_outcome_tells_the_pace() -> None:
    log = asked()
    start_us = START_MS * 1000
    log.add(GENERATION_OUTCOMES, outcome([ChunkMark(4, 1, start_us + 40_000), ChunkMark(2, 1, start_us + 90_000)]))
    found = told(log)
    assert found["chunks"] == [[1, 40, 4], [2, 90, 2]]
    assert found["attempts"] == []


def test_other_generations_are_passed_over() -> None:
    assert timeline_of("another", asked().events) == {
        "generationId": "another",
        "stages": [],
        "attempts": [],
        "chunks": [],
    }


RECORDS = st.one_of(
    st.builds(started, st.sampled_from("ab"), st.integers(1, 3)),
    st.builds(chunk, st.sampled_from("ab"), st.integers(1, 4)),
    st.builds(ended, st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(["", "<a1>"])),
    st.builds(stopped, st.sampled_from(["cancelled", "expired"])),
)


@given(st.lists(RECORDS, max_size=12))
def test_attempts_and_chunks_are_those_that_every_reader_counts(records: list[Any]) -> None:
    log = asked()
    for record in records:
        log.add(TOKEN_CHUNKS, record)
    reading, found = naive_reading(records), told(log)
    assert [seq for seq, _, _ in found["chunks"]] == list(range(1, reading.last_seq + 1))
    assert sum(attempt["chunks"] for attempt in found["attempts"]) == reading.last_seq
    assert max((attempt["number"] for attempt in found["attempts"]), default=0) == reading.number
    assert ("ended" in [stage["stage"] for stage in found["stages"]]) == (reading.end is not None)
    running = [attempt for attempt in found["attempts"] if attempt["end"] is None]
    assert len(running) <= 1
    if reading.end is not None:
        assert running == []


def test_each_of_several_answers_was_accepted_and_judged_with_the_one_command() -> None:
    log = Written()
    several = stateless(ChatMessage("user", "hello"), request=Request(choices=3), message_id="command")
    log.add(CONVERSATION_EVENTS, several)
    log.add(MODERATION_VERDICTS, replace(verdict(), message_id="command", generation_id=several.generation_id))
    for generation_id in generations_of(several):
        stages_of = [stage["stage"] for stage in timeline_of(generation_id, log.events)["stages"]]
        assert stages_of == ["accepted", "moderated"]
    assert timeline_of(ids.choice_id("command", 3), log.events)["stages"][1:] == []
