"""Creates topics as the catalogue says; fails if existing ones differ."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from topics.catalogue import Catalogue
from topics.clients import open_admin
from topics.epochs import marks_in
from topics.errors import FatalLogError, LogError, LogUnavailable, TopicMismatch
from topics.spec import TopicSpec

_TIMEOUT_S = 30.0
_UNANSWERED = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE}


def create_topics(properties: Mapping[str, str], topics: Catalogue, replication_factor: int = 1) -> list[str]:
    """Create what is missing; returns the names created. Idempotent, also beside another process doing the same.

    Raises TopicMismatch, changing nothing, if a topic exists with other partitions, retention, clean-up, timestamps or
    record size than the catalogue's; LogUnavailable if the broker does not answer; FatalLogError if it refuses (rights,
    fewer brokers than `replication_factor`).
    """
    admin = open_admin({**properties, "socket.timeout.ms": "10000"})
    try:
        existing = _refuse_mismatches(admin, list(topics))
        missing = [spec for spec in topics if spec.name not in existing]
        created = _create(admin, missing, replication_factor)
        if len(created) < len(missing):  # another process was quicker: perhaps with another catalogue
            _refuse_mismatches(admin, [spec for spec in missing if spec.name not in created])
    except (KafkaException, TimeoutError) as error:
        raise _translate(error) from error
    return created


def _translate(error: Exception) -> LogError:
    cause = error.args[0] if isinstance(error, KafkaException) and error.args else None
    if isinstance(cause, KafkaError) and not cause.retriable() and cause.code() not in _UNANSWERED:
        return FatalLogError(f"the broker refused: {cause.str()}")
    return LogUnavailable(f"the broker could not be asked about its topics: {error}")


def _create(admin: AdminClient, specs: list[TopicSpec], replication_factor: int) -> list[str]:
    new = [
        NewTopic(
            spec.name,
            spec.partitions,
            replication_factor,
            config={**spec.config, **_durability(replication_factor)},
        )
        for spec in specs
    ]
    futures: dict[str, Future[None]] = admin.create_topics(new, request_timeout=_TIMEOUT_S) if new else {}
    created = []
    for name, future in futures.items():
        try:
            future.result(_TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    return created


def _durability(replication_factor: int) -> dict[str, str]:
    return {"min.insync.replicas": "2"} if replication_factor >= 3 else {}


def _refuse_mismatches(admin: AdminClient, wanted: list[TopicSpec]) -> set[str]:
    existing = admin.list_topics(timeout=_TIMEOUT_S).topics
    grown = {mark.topic for mark in marks_in(existing)}
    specs = [spec for spec in wanted if spec.name in existing]
    if not specs:
        return set()
    resources = {spec.name: ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs}
    answers = admin.describe_configs(list(resources.values()), request_timeout=_TIMEOUT_S)
    wrong = []
    for spec in specs:
        partitions = len(existing[spec.name].partitions)
        # The catalogue's count is for topics that are made; the marks of later epochs say that this one was grown.
        if partitions != spec.partitions and spec.name not in grown:
            wrong.append(f"{spec.name} has {partitions} partitions, the catalogue says {spec.partitions}")
        entries = answers[resources[spec.name]].result(_TIMEOUT_S)
        for name, value in spec.config.items():
            if (found := entries[name].value) != value:
                wrong.append(f"{spec.name} has {name}={found}, the catalogue says {value}")
    if wrong:
        raise TopicMismatch(
            "; ".join(wrong) + ". Nothing was changed. Set the topic right by hand, or give it more partitions with"
            " ./verbatim topic grow"
        )
    return {spec.name for spec in specs}


def retention_of(properties: Mapping[str, str], names: list[str]) -> dict[str, int]:
    """How long these topics keep records, in milliseconds (-1: for ever), as the broker has it. Raises LogError."""
    admin = open_admin({**properties, "socket.timeout.ms": "10000", "log_level": "0"})
    if not names:
        return {}
    try:
        answers = admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=_TIMEOUT_S
        )
        return {
            resource.name: int(answer.result(_TIMEOUT_S)["retention.ms"].value) for resource, answer in answers.items()
        }
    except (KafkaException, TimeoutError) as error:
        raise _translate(error) from error
