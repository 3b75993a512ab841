"""Topics brought into being as the catalogue says, and refused where they stand there otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from topics.catalogue import Catalogue
from topics.errors import LogUnavailable, TopicMismatch
from topics.spec import TopicSpec

_TIMEOUT_S = 30.0


def create_topics(properties: Mapping[str, str], topics: Catalogue, replication_factor: int = 1) -> list[str]:
    """Create what is missing; returns the names created. Idempotent, also beside another process doing the same.

    Raises TopicMismatch, changing nothing, if a topic exists with other partitions, retention, clean-up, timestamps or
    record size than the catalogue's; LogUnavailable if the broker does not answer.
    """
    admin = AdminClient({**properties, "socket.timeout.ms": "10000"})
    try:
        existing = admin.list_topics(timeout=_TIMEOUT_S).topics
        _refuse_mismatches(admin, [spec for spec in topics if spec.name in existing], existing)
        missing = [spec for spec in topics if spec.name not in existing]
        _create(admin, missing, replication_factor)
    except KafkaException as error:
        raise LogUnavailable(f"the broker could not be asked about its topics: {error}") from error
    return [spec.name for spec in missing]


def _create(admin: AdminClient, specs: list[TopicSpec], replication_factor: int) -> None:
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
    for future in futures.values():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _durability(replication_factor: int) -> dict[str, str]:
    return {"min.insync.replicas": "2"} if replication_factor >= 3 else {}


def _refuse_mismatches(admin: AdminClient, specs: list[TopicSpec], existing: Mapping[str, Any]) -> None:
    if not specs:
        return
    resources = {spec.name: ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs}
    answers = admin.describe_configs(list(resources.values()), request_timeout=_TIMEOUT_S)
    wrong = []
    for spec in specs:
        partitions = len(existing[spec.name].partitions)
        if partitions != spec.partitions:
            wrong.append(f"{spec.name} has {partitions} partitions, the catalogue says {spec.partitions}")
        entries = answers[resources[spec.name]].result(_TIMEOUT_S)
        for name, wanted in spec.config.items():
            if (found := entries[name].value) != wanted:
                wrong.append(f"{spec.name} has {name}={found}, the catalogue says {wanted}")
    if wrong:
        raise TopicMismatch(
            "; ".join(wrong) + ". Nothing was changed. Set the topic right by hand, or move to a new topic epoch"
        )
