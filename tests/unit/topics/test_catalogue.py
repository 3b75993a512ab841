"""The list of topics is DESIGN's table."""

from __future__ import annotations

import copy
import json
from typing import get_args, get_origin, get_type_hints

import pytest

import topics.catalogue
from schemas.families import members
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, GenerationRequested, TokenChunk
from topics.catalogue import (
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    TOKEN_CHUNKS,
    catalogue,
    jobs_topic,
    jobs_topics,
    pool_and_class,
)
from topics.spec import DAY_MS, EIGHT_MIB, FOR_EVER_MS
from topics.topic import Topic

KEPT_MS = {
    "conversation-events": FOR_EVER_MS,
    "token-chunks": 3 * DAY_MS,
    "generation-outcomes": FOR_EVER_MS,
    "moderation-verdicts": FOR_EVER_MS,
    "usage-records": FOR_EVER_MS,
    "control": DAY_MS,
    "account-events": FOR_EVER_MS,
    "admissions": FOR_EVER_MS,
    "dead-letters": 30 * DAY_MS,
    "generation-jobs.default.interactive": 7 * DAY_MS,
    "generation-jobs.default.background": 7 * DAY_MS,
    "generation-jobs.default.interactive.overflow": 7 * DAY_MS,
    "generation-jobs.default.background.overflow": 7 * DAY_MS,
}


def test_topics_and_how_long_they_are_kept() -> None:
    assert {spec.name: spec.retention_ms for spec in catalogue()} == KEPT_MS


def test_every_pool_has_a_topic_of_each_class() -> None:
    names = {spec.name for spec in catalogue(("default", "large"))}
    assert names - KEPT_MS.keys() == set(jobs_topics("large"))
    assert len(jobs_topics("large")) == 4


def test_a_topic_tells_its_pool_and_class() -> None:
    for topic in jobs_topics("large.gpu"):
        assert pool_and_class(topic) in {("large.gpu", "interactive"), ("large.gpu", "background")}


def test_partition_counts_are_as_asked() -> None:
    topics = catalogue(keyed_partitions=5, token_chunk_partitions=3)
    assert topics[TOKEN_CHUNKS].partitions == 3
    assert topics[CONVERSATION_EVENTS].partitions == topics[jobs_topic("default", "interactive")].partitions == 5
    assert topics[CONTROL].partitions == topics[DEAD_LETTERS].partitions == 1


def test_jobs_events_and_outcomes_take_eight_mib() -> None:
    large = {spec.name for spec in catalogue() if spec.max_record_bytes == EIGHT_MIB}
    assert large >= {"conversation-events", "generation-outcomes", "generation-jobs.default.interactive"}


def test_one_generation_is_one_topic() -> None:
    assert set(catalogue()[TOKEN_CHUNKS].record_types) == {AttemptStarted, TokenChunk, AttemptEnded, GenerationEnded}
    assert catalogue()[jobs_topic("default", "background")].record_types == (GenerationRequested,)


def test_every_topic_keeps_by_time_alone_and_takes_the_brokers_time() -> None:
    for spec in catalogue():
        assert spec.config["cleanup.policy"] == "delete"
        assert spec.config["message.timestamp.type"] == "LogAppendTime"
        assert (spec.config["retention.bytes"], spec.config["retention.ms"]) == ("-1", str(spec.retention_ms))
        assert spec.partitions >= 1 and spec.epoch == 0 and spec.key and spec.written_by


def test_an_unknown_topic_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        catalogue().partition("token-chunk", "key")


def test_what_the_type_checker_knows_of_a_topic_is_what_the_topic_knows() -> None:
    hints = {name: hint for name, hint in get_type_hints(topics.catalogue).items() if get_origin(hint) is Topic}
    found = {name: value for name, value in vars(topics.catalogue).items() if isinstance(value, Topic)}
    assert hints.keys() == found.keys()
    for name, hint in hints.items():
        assert members(get_args(hint)[0]) == found[name].record_types == catalogue()[found[name]].record_types
    assert jobs_topic("default", "background").record_types == (GenerationRequested,)


def test_a_topic_is_its_name() -> None:
    assert CONTROL == "control" and hash(CONTROL) == hash("control")
    assert f"{CONTROL}" == str(CONTROL) == "control" and type(str(CONTROL)) is str
    by_name: dict[str, int] = {CONTROL: 1}
    assert by_name["control"] == 1 and {"control": 1}[CONTROL] == 1
    assert all(type(spec.name) is str for spec in catalogue()), "the Kafka client takes no other"
    copied = copy.deepcopy(CONTROL)
    assert copied == "control" and type(copied) is str
    assert json.dumps({CONTROL: CONTROL}) == '{"control": "control"}'
