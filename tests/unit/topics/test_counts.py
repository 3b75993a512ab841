"""Partition counts are the broker's, whatever a process' settings say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from topics import counts
from topics.catalogue import CONTROL, CONVERSATION_EVENTS, TOKEN_CHUNKS, catalogue
from topics.counts import on_broker, with_counts
from topics.errors import LogUnavailable


def broker_with(partitions: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    class Admin:
        def __init__(self, properties: dict[str, str]) -> None:
            assert properties["bootstrap.servers"] == "here"

        def list_topics(self, timeout: float) -> Any:
            if not partitions:
                raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
            topics = {name: SimpleNamespace(partitions=dict.fromkeys(range(n))) for name, n in partitions.items()}
            return SimpleNamespace(topics=topics)

    monkeypatch.setattr(counts, "open_admin", Admin)


def test_the_brokers_counts_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    broker_with({CONVERSATION_EVENTS: 6, TOKEN_CHUNKS: 4, "a stranger": 3}, monkeypatch)
    held = on_broker({"bootstrap.servers": "here"}, catalogue(keyed_partitions=2, token_chunk_partitions=1))
    assert held[CONVERSATION_EVENTS].partitions == 6
    assert held[TOKEN_CHUNKS].partitions == 4
    assert held[CONTROL].partitions == 1, "a topic that is not there yet keeps its own"
    assert {spec.name for spec in held} == {spec.name for spec in catalogue()}
    keys = [f"conversation-{n}" for n in range(200)]
    assert {held.partition(CONVERSATION_EVENTS, key) for key in keys} == set(range(6))


def test_a_topic_without_partitions_keeps_its_count() -> None:
    assert with_counts(catalogue(), {CONTROL: 0})[CONTROL].partitions == 1


def test_no_count_is_guessed_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    broker_with({}, monkeypatch)
    with pytest.raises(LogUnavailable, match="does not answer"):
        on_broker({"bootstrap.servers": "here"}, catalogue())
