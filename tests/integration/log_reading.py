"""Making topics, writing to them and reading them whole, for integration tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, Message
from confluent_kafka.cimpl import NewTopic

from infra.settings import Settings
from schemas.codec import UndecodableRecord, decode, encode
from topics.admin import create_topics
from topics.catalogue import Catalogue, catalogue
from topics.clients import open_admin, open_producer
from topics.scan import scan, watermarks

TIMEOUT_S = 30.0


def topics_of(settings: Settings) -> Catalogue:
    """The catalogue of the servers, brought into being."""
    topics = catalogue(
        keyed_partitions=settings.kafka.keyed_partitions, token_chunk_partitions=settings.kafka.token_chunk_partitions
    )
    create_topics(settings.kafka.client_properties(), topics)
    return topics


def make_topic(settings: Settings, name: str, partitions: int) -> None:
    """A topic that is in no catalogue."""
    admin = open_admin({**settings.kafka.client_properties()})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(TIMEOUT_S)


class LogWriter:
    """Produces records and raw bytes, acknowledged."""

    def __init__(self, settings: Settings) -> None:
        self._producer = open_producer({**settings.kafka.client_properties(), "linger.ms": "1"})
        self._refused: list[KafkaError] = []

    def write(self, topic: str, partition: int, key: str, record: Any) -> None:
        """`record`: a record, or bytes as they shall stand there. Not durable before `flush`."""
        value = record if isinstance(record, bytes) else encode(record)

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._refused.append(error)

        self._producer.produce(topic, value, key.encode(), partition, on_delivery=acknowledged)

    def flush(self) -> None:
        """Wait for all acknowledgements."""
        left = self._producer.flush(TIMEOUT_S)
        assert left == 0 and not self._refused, (left, self._refused)


def read_all(settings: Settings, topic: str, partitions: int, wanted: Callable[[Any], bool]) -> list[Any]:
    """The records of a topic that are wanted, partition by partition, in order."""
    properties = settings.kafka.client_properties()
    found = []
    for partition in range(partitions):
        low, end = watermarks(properties, topic, partition)
        for message in scan(properties, topic, partition, low, end):
            try:
                record = decode(message.value())
            except UndecodableRecord:
                continue
            if wanted(record):
                found.append(record)
    return found
