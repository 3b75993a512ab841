"""librdkafka's clients for an installation with a prefix: the same methods, our names (see `topics.clients`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewPartitions, NewTopic

from topics.naming import Names

OnPlaces = Callable[[Any, list[TopicPartition]], None]


class _Translation:
    """Places and lists of topics, from our names to the cluster's and back."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._ours: dict[str | None, str] = {}

    def out(self, places: Sequence[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(self.names.physical(p.topic), p.partition, p.offset) for p in places]

    def back(self, places: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Raises KafkaException for a place that carries an error: a place that is made anew cannot."""
        for place in places:
            if place.error is not None:
                raise KafkaException(place.error)
        return [TopicPartition(self.ours(p.topic), p.partition, p.offset) for p in places]

    def ours(self, topic: str | None) -> str:
        """Our name of a topic that we asked for, kept: it is asked for with every record."""
        found = self._ours.get(topic)
        if found is None:
            found = self._ours[topic] = self.names.logical(topic or "") or topic or ""
        return found

    def listed(self, metadata: Any) -> Any:
        """A cluster's metadata with our topics alone."""
        topics = {self.names.logical(name): topic for name, topic in metadata.topics.items()}
        metadata.topics = {name: topic for name, topic in topics.items() if name is not None}
        for name, topic in metadata.topics.items():
            topic.topic = name
        return metadata


def commits_told(names: Names, call: OnPlaces) -> OnPlaces:
    """A consumer's `on_commit` that is told of our places, each one by itself: a place made anew carries no error."""
    translation = _Translation(names)

    def told(error: Any, places: list[TopicPartition]) -> None:
        for place in places:
            ours = TopicPartition(translation.ours(place.topic), place.partition, place.offset)
            call(error or place.error, [ours])

    return told


class PrefixedConsumer:
    """What is used of a consumer."""

    def __init__(self, names: Names, consumer: Consumer) -> None:
        self._consumer = consumer
        self._names = _Translation(names)

    def subscribe(self, topics: list[str], **told: OnPlaces | None) -> None:
        calls = {name: self._told(call) for name, call in told.items() if call is not None}
        self._consumer.subscribe([self._names.names.physical(topic) for topic in topics], **calls)

    def _told(self, call: OnPlaces) -> OnPlaces:
        return lambda _, places: call(self, self._names.back(places))

    def poll(self, timeout: float = -1) -> Message | None:
        message = self._consumer.poll(timeout)
        if message is not None:
            self._rename(message)
        return message

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        messages = self._consumer.consume(num_messages, timeout)
        for message in messages:
            self._rename(message)
        return messages

    def _rename(self, message: Message) -> None:
        message.set_topic(self._names.ours(message.topic()))  # type: ignore[attr-defined]  # the stubs forget it

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._consumer.assign(self._names.out(partitions))

    def unassign(self) -> None:
        self._consumer.unassign()

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._consumer.incremental_assign(self._names.out(partitions))

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self._consumer.incremental_unassign(self._names.out(partitions))

    def assignment(self) -> list[TopicPartition]:
        return self._names.back(self._consumer.assignment())

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._consumer.pause(self._names.out(partitions))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self._consumer.resume(self._names.out(partitions))

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool = True) -> list[TopicPartition] | None:
        if asynchronous:
            self._consumer.commit(offsets=self._names.out(offsets), asynchronous=True)
            return None
        return self._names.back(self._consumer.commit(offsets=self._names.out(offsets), asynchronous=False))

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        return self._names.back(self._consumer.committed(self._names.out(partitions), timeout))

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return self._names.back(self._consumer.position(self._names.out(partitions)))

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        return self._consumer.get_watermark_offsets(self._names.out([partition])[0], timeout, cached)

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        return self._names.back(self._consumer.offsets_for_times(self._names.out(partitions), timeout))

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        return self._names.listed(_list_topics(self._consumer, self._names.names, topic, timeout))

    def close(self) -> None:
        self._consumer.close()


class PrefixedProducer:
    """What is used of a producer. What is told of a delivery names the topic as the cluster does."""

    def __init__(self, names: Names, producer: Producer) -> None:
        self._producer = producer
        self._produce = producer.produce
        self._names = _Translation(names)
        self._physical: dict[str, str] = {}

    def produce(self, topic: str, *arguments: Any, **options: Any) -> None:
        physical = self._physical.get(topic)
        if physical is None:
            physical = self._physical[topic] = self._names.names.physical(topic)
        self._produce(physical, *arguments, **options)

    def poll(self, timeout: float = -1) -> int:
        return self._producer.poll(timeout)

    def flush(self, timeout: float = -1) -> int:
        return self._producer.flush(timeout)

    def purge(self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True) -> None:
        self._producer.purge(in_queue, in_flight, blocking)

    def __len__(self) -> int:
        return len(self._producer)

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        return self._names.listed(_list_topics(self._producer, self._names.names, topic, timeout))


class PrefixedAdmin:
    """What is used of an admin client. Groups keep their whole names: other applications read our topics too."""

    def __init__(self, names: Names, admin: AdminClient) -> None:
        self.names = names
        self._admin = admin
        self._names = _Translation(names)
        self.list_consumer_groups = admin.list_consumer_groups
        self.list_consumer_group_offsets = admin.list_consumer_group_offsets
        self.describe_consumer_groups = admin.describe_consumer_groups

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        return self._names.listed(_list_topics(self._admin, self.names, topic, timeout))

    def create_topics(self, new_topics: list[NewTopic], **options: Any) -> dict[str, Future[None]]:
        new = [
            NewTopic(self.names.physical(n.topic), n.num_partitions, n.replication_factor, config=n.config)
            for n in new_topics
        ]
        return self._by_name(self._admin.create_topics(new, **options))

    def create_partitions(self, new_partitions: list[NewPartitions], **options: Any) -> dict[str, Future[None]]:
        new = [NewPartitions(self.names.physical(n.topic), n.new_total_count) for n in new_partitions]
        return self._by_name(self._admin.create_partitions(new, **options))

    def delete_topics(self, topics: list[str], **options: Any) -> dict[str, Future[None]]:
        return self._by_name(self._admin.delete_topics([self.names.physical(topic) for topic in topics], **options))

    def describe_configs(self, resources: list[ConfigResource], **options: Any) -> dict[ConfigResource, Future[Any]]:
        """Of topics."""
        asked = [ConfigResource(resource.restype, self.names.physical(resource.name)) for resource in resources]
        answers = self._admin.describe_configs(asked, **options)
        return {ConfigResource(found.restype, self._names.ours(found.name)): a for found, a in answers.items()}

    def list_offsets(self, asked: Mapping[TopicPartition, Any], **options: Any) -> dict[TopicPartition, Future[Any]]:
        wanted = {self._names.out([place])[0]: spec for place, spec in asked.items()}
        answers = self._admin.list_offsets(wanted, **options)
        return {self._names.back([place])[0]: answer for place, answer in answers.items()}

    def delete_records(self, places: list[TopicPartition], **options: Any) -> dict[TopicPartition, Future[Any]]:
        answers = self._admin.delete_records(self._names.out(places), **options)
        return {self._names.back([place])[0]: answer for place, answer in answers.items()}

    def _by_name(self, answers: Mapping[str, Future[None]]) -> dict[str, Future[None]]:
        return {self._names.ours(name): answer for name, answer in answers.items()}


def _list_topics(client: Any, names: Names, topic: str | None, timeout: float) -> Any:
    if topic is None:
        return client.list_topics(timeout=timeout)
    return client.list_topics(names.physical(topic), timeout=timeout)
