"""Clients of an installation with a prefix: what goes out has it, what comes back has not."""

from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from topics import clients
from topics.catalogue import CONTROL, TOKEN_CHUNKS
from topics.clients import PREFIX_PROPERTY, names_of, open_admin, open_consumer, open_producer
from topics.cuts import TopicPartition as Place
from topics.groups import committed_by, instances, listed
from topics.naming import Names
from topics.prefixed import PrefixedAdmin, PrefixedConsumer, PrefixedProducer

OURS = Names("a")
ROOT = Path(__file__).parents[3]


class FakeConsumer:
    """A consumer that notes what it is told, on a cluster with topics of three installations."""

    def __init__(self) -> None:
        self.assigned: list[Place] = []
        self.commits: list[tuple[str, int, int]] = []
        self.on_assign: Any = None
        self.subscribed: list[str] = []

    def subscribe(self, topics: list[str], on_assign: Any) -> None:
        self.subscribed, self.on_assign = topics, on_assign

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = [(place.topic, place.partition) for place in places]

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        self.commits = [(place.topic, place.partition, place.offset) for place in offsets]
        return offsets

    def consume(self, most: int, timeout: float) -> list[Message]:
        return [Message(topic="a_token-chunks", partition=0, offset=7), Message(topic="a_control", partition=0)]

    def poll(self, timeout: float) -> Message | None:
        return Message(topic="a_token-chunks", partition=0, offset=6)

    def list_topics(self, *_: Any, **__: Any) -> Any:
        return cluster()


def cluster() -> Any:
    names = ("a_token-chunks", "ab_token-chunks", "token-chunks", "__consumer_offsets")
    return SimpleNamespace(topics={name: SimpleNamespace(topic=name, partitions={0: None}) for name in names})


def test_without_a_prefix_clients_are_librdkafkas_own() -> None:
    properties = {"bootstrap.servers": "127.0.0.1:1", "log_level": "0"}
    consumer = open_consumer({**properties, "group.id": "g"})
    assert type(consumer) is Consumer
    consumer.close()
    assert type(open_producer(properties)) is Producer
    assert type(open_admin(properties)) is AdminClient


def test_groups_and_clients_are_named_by_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []
    monkeypatch.setattr(clients, "Consumer", lambda wanted: told.append(wanted))
    open_consumer({PREFIX_PROPERTY: "a", "group.id": "verbatim-recorder", "client.id": "verbatim-recorder.reads-2"})
    assert told == [{"group.id": "a_verbatim-recorder", "client.id": "a_verbatim-recorder.reads-2"}]


def test_a_consumer_speaks_our_names() -> None:
    inner = FakeConsumer()
    consumer = PrefixedConsumer(OURS, cast(Consumer, inner))
    seen: list[Place] = []

    def on_assign(who: Any, places: list[TopicPartition]) -> None:
        assert who is consumer
        seen.extend((place.topic, place.partition) for place in places)
        consumer.assign(places)

    consumer.subscribe([TOKEN_CHUNKS], on_assign=on_assign)
    assert inner.subscribed == ["a_token-chunks"]
    inner.on_assign(inner, [TopicPartition("a_token-chunks", 1, 3)])
    assert (seen, inner.assigned) == ([(TOKEN_CHUNKS, 1)], [("a_token-chunks", 1)])
    first = consumer.poll(1)
    assert first is not None
    assert [message.topic() for message in (first, *consumer.consume(9, 0))] == [TOKEN_CHUNKS, TOKEN_CHUNKS, CONTROL]
    back = consumer.commit(offsets=[TopicPartition(TOKEN_CHUNKS, 1, 8)], asynchronous=False)
    assert inner.commits == [("a_token-chunks", 1, 8)]
    assert back is not None and [(place.topic, place.offset) for place in back] == [(TOKEN_CHUNKS, 8)]
    assert list(consumer.list_topics().topics) == [TOKEN_CHUNKS]


def test_a_place_with_an_error_is_never_passed_on_as_one_without() -> None:
    class Refused(FakeConsumer):
        def committed(self, places: list[TopicPartition], timeout: float) -> list[Any]:
            return [SimpleNamespace(topic="a_control", error=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))]

    with pytest.raises(KafkaException):
        PrefixedConsumer(OURS, cast(Consumer, Refused())).committed([TopicPartition(CONTROL, 0)])


def test_a_producer_writes_to_our_topics() -> None:
    sent: list[tuple[Any, ...]] = []
    inner = SimpleNamespace(produce=lambda *arguments, **options: sent.append((*arguments, options)))
    producer = PrefixedProducer(OURS, cast(Producer, inner))
    producer.produce(CONTROL, b"value", b"key", 0, headers=[])
    assert sent == [("a_control", b"value", b"key", 0, {"headers": []})]


class FakeAdmin:
    """Groups of two installations and of another application, which reads a topic of ours."""

    OFFSETS: ClassVar = {
        "a_verbatim-recorder": [("a_token-chunks", 5)],
        "verbatim-recorder": [("token-chunks", 900)],
        "lake": [("a_token-chunks", 2), ("elsewhere", 1)],
    }

    def list_consumer_groups(self, request_timeout: float) -> Future[Any]:
        return done(SimpleNamespace(valid=[SimpleNamespace(group_id=g) for g in self.OFFSETS], errors=[]))

    def list_consumer_group_offsets(self, asked: list[Any], request_timeout: float) -> dict[str, Future[Any]]:
        (group,) = (request.group_id for request in asked)
        places = [TopicPartition(topic, 0, offset) for topic, offset in self.OFFSETS[group]]
        return {group: done(SimpleNamespace(topic_partitions=places))}

    def describe_consumer_groups(self, groups: list[str], request_timeout: float) -> dict[str, Future[Any]]:
        member = SimpleNamespace(group_instance_id="verbatim-recorder-0", client_id="", host="")
        return {group: done(SimpleNamespace(members=[member])) for group in groups if group == "a_verbatim-recorder"}


def done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def test_whoever_reads_our_topics_counts_and_nobody_elses_readers() -> None:
    ours = cast(AdminClient, PrefixedAdmin(OURS, cast(AdminClient, FakeAdmin())))
    assert names_of(ours) == OURS
    assert committed_by(ours) == {(TOKEN_CHUNKS, 0): {"verbatim-recorder": 5, "lake": 2}}
    assert instances(ours, ["verbatim-recorder"]) == {"verbatim-recorder": ["0"]}
    assert (listed(ours, "verbatim-"), listed(ours, "verbatim-workers-")) == (["verbatim-recorder"], [])
    without = cast(AdminClient, FakeAdmin())
    assert committed_by(without) == {(TOKEN_CHUNKS, 0): {"verbatim-recorder": 900}, ("elsewhere", 0): {"lake": 1}}


def test_what_became_of_commits_is_told_by_our_names(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(clients, "Consumer", lambda wanted: made.append(wanted))
    told: list[tuple[Any, str, int, int]] = []

    def on_commit(error: KafkaError | None, places: list[TopicPartition]) -> None:
        told.extend((error, place.topic, place.partition, place.offset) for place in places)

    open_consumer({PREFIX_PROPERTY: "a", "on_commit": on_commit})
    away = KafkaError(KafkaError._TRANSPORT)
    refused = SimpleNamespace(topic="a_control", partition=2, offset=3, error=away)
    made[0]["on_commit"](None, [TopicPartition("a_token-chunks", 1, 8), refused])
    assert told == [(None, TOKEN_CHUNKS, 1, 8), (away, CONTROL, 2, 3)]


def test_every_client_of_ours_is_made_in_one_place() -> None:
    """One made elsewhere would use names without the prefix: those of another installation."""
    made = re.compile(r"(?<![\w.])(Consumer|Producer|AdminClient)\(")
    rooms = ("api", "inference_workers", "infra", "projections", "streams", "topics")
    found = {
        str(file.relative_to(ROOT))
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        if "confluent_kafka" in (text := file.read_text()) and made.search(text)
    }
    # The health check asks for the brokers alone, and knows no topic.
    assert found == {"topics/clients.py", "infra/stack/health.py"}
