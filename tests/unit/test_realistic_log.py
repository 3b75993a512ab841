"""The realistic log is what the pipeline would have written: its references hold, and its mix is as it says."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from statistics import mean, median
from typing import Any

import pytest

from schemas import ids
from schemas.codec import decode, encode
from schemas.conversation import ConversationStarted, PromptSubmitted, RegenerateRequested
from schemas.envelope import Position, plain
from schemas.generation import GenerationRequested, TokenChunk
from schemas.usage import UsageRecorded
from streams.metering.reactor import usage_record
from tests.realistic_log import Appended, records
from tests.realistic_people import CANCELLED, COALESCED, MAX_TURNS, STATELESS
from topics.catalogue import (
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    catalogue,
)
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of
from topics.scan import generation_of

EVENTS = 40_000


@pytest.fixture(scope="module")
def log() -> list[Appended]:
    return list(records(7, EVENTS))


def of(log: list[Appended], topic: str) -> list[Appended]:
    return [appended for appended in log if appended.topic == topic]


def test_the_same_seed_is_the_same_log_and_another_one_is_not(log: list[Appended]) -> None:
    again = [(a.topic, encode(a.record)) for a in islice(records(7, EVENTS), 3000)]
    assert again == [(a.topic, encode(a.record)) for a in log[:3000]]
    assert again != [(a.topic, encode(a.record)) for a in islice(records(8, EVENTS), 3000)]


def test_it_has_the_length_asked_for_and_stands_where_it_says(log: list[Appended]) -> None:
    assert len(log) == EVENTS
    topics, ends = catalogue(), Counter[tuple[str, int]]()
    at_us = 0
    for appended in log:
        partition = topics.partition(appended.topic, appended.key)
        assert type(appended.record) in topics[appended.topic].record_types
        assert appended.position == Position(0, partition, ends[appended.topic, partition])
        ends[appended.topic, partition] += 1
        assert appended.at_us >= at_us
        at_us = appended.at_us
    for appended in log[:2000]:
        assert decode(encode(appended.record)) == appended.record


def test_every_chunk_counts_and_outcomes_and_usage_are_what_the_pipeline_makes_of_them(log: list[Appended]) -> None:
    folds: dict[str, GenerationFold] = {}
    for appended in of(log, TOKEN_CHUNKS):
        fold = folds.setdefault(generation_of(appended.record), GenerationFold())
        before = fold.last_seq
        frame = fold.apply(appended.record, appended.position)
        if isinstance(appended.record, TokenChunk):
            assert frame == before + 1
    ended = {a.record.turn.generation_id: a for a in of(log, GENERATION_OUTCOMES)}
    assert len(ended) == len(of(log, GENERATION_OUTCOMES)) > 150
    for generation, appended in ended.items():
        assert appended.record == outcome_of(folds[generation])
    for used in of(log, USAGE_RECORDS):
        outcome = ended[used.record.generation_id]
        assert used.record == usage_record(outcome.record, outcome.position)
    assert 0 <= len(ended) - len(of(log, USAGE_RECORDS)) < 10


def test_ids_are_derived_and_references_lead_somewhere(log: list[Appended]) -> None:
    at = {(a.topic, a.position): a for a in log}
    reached: Counter[str] = Counter()
    answered: set[str] = set()
    begun: set[str] = set()
    for appended in log:
        record: Any = appended.record
        reached["token-chunks"] += appended.topic == TOKEN_CHUNKS
        match record:
            case ConversationStarted():
                begun.add(record.conversation_id)
            case PromptSubmitted() | RegenerateRequested():
                assert record.generation_id == ids.generation_id(record.message_id)
                assert record.tail.offset == reached["token-chunks"]
                if isinstance(record, RegenerateRequested):
                    assert record.prompt_message_id in begun
                else:
                    begun.add(record.message_id)
                    assert record.kind == "stateless" or record.conversation_id in begun
                    assert record.parent_message_id is None or record.parent_message_id in answered
            case GenerationRequested():
                cause = at[CONVERSATION_EVENTS, record.turn.cause].record
                assert cause.generation_id == record.turn.generation_id
                assert record.turn.prompt_message_id in begun
            case UsageRecorded():
                answered.add(record.generation_id)
            case _:
                pass


def test_the_mix_is_as_stated(log: list[Appended]) -> None:
    kinds = Counter(type(a.record).__name__ for a in log)
    assert kinds["TokenChunk"] / EVENTS == pytest.approx(0.94, abs=0.02)
    ended = len(of(log, GENERATION_OUTCOMES))
    assert kinds["GenerationCancelled"] / ended == pytest.approx(CANCELLED, abs=0.02)
    prompts = [a.record for a in of(log, CONVERSATION_EVENTS) if isinstance(a.record, PromptSubmitted)]
    alone = sum(prompt.kind == "stateless" for prompt in prompts)
    assert alone / (alone + kinds["ConversationStarted"]) == pytest.approx(STATELESS, abs=0.05)
    turns = Counter(prompt.conversation_id for prompt in prompts)
    assert 1 in turns.values() and 5 < max(turns.values()) <= MAX_TURNS
    written = [len(plain(prompt.content)) / 4 for prompt in prompts if prompt.content is not None]
    assert median(written) == pytest.approx(45, rel=0.25)
    answers = [a.record.usage.completion_tokens for a in of(log, GENERATION_OUTCOMES)]
    assert mean(answers) == pytest.approx(200, rel=0.25)
    tokens = Counter(a.record.tokens for a in of(log, TOKEN_CHUNKS) if isinstance(a.record, TokenChunk))
    assert tokens[1] / tokens.total() == pytest.approx(COALESCED[0], abs=0.02)
    assert set(tokens) == {1, 2, 3, 4}
    assert {a.record.decision for a in of(log, MODERATION_VERDICTS)} >= {"allow", "block"}


def test_a_short_log_is_possible() -> None:
    assert len(list(records(1, 1))) == 1
    assert len(list(records(1, 500))) == 500
