"""Partition counts come from the broker: a process with another number in its settings would split keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from confluent_kafka import KafkaException

from infra.settings.servers import KafkaSettings
from topics.catalogue import Catalogue, catalogue
from topics.clients import open_admin
from topics.epochs import BadSeams, Layout, layouts_of, marks_in
from topics.errors import LogUnavailable, TopicMismatch

TIMEOUT_S = 10.0


def configured(kafka: KafkaSettings, pools: tuple[str, ...] = ("default",)) -> Catalogue:
    """The catalogue as the settings have it: what topics are made with. `on_broker` knows how they are."""
    return catalogue(
        pools, keyed_partitions=kafka.keyed_partitions, token_chunk_partitions=kafka.token_chunk_partitions
    )


def with_counts(topics: Catalogue, found: Mapping[str, int]) -> Catalogue:
    """The catalogue with the partitions and epochs that these topics have; those not there yet keep theirs.

    Raises BadSeams.
    """
    ours = {mark.name for mark in marks_in(found) if mark.topic in topics.specs}
    return laid_out(topics, layouts_of({name: n for name, n in found.items() if name in topics.specs or name in ours}))


def laid_out(topics: Catalogue, layouts: Mapping[str, Layout]) -> Catalogue:
    """The catalogue with these layouts; topics that have none keep theirs."""
    return Catalogue(
        {
            spec.name: replace(spec, partitions=there.partitions, seams=there.seams)
            if (there := layouts.get(spec.name)) is not None and there.partitions
            else spec
            for spec in topics
        }
    )


def on_broker(properties: Mapping[str, str], topics: Catalogue, timeout_s: float = TIMEOUT_S) -> Catalogue:
    """The catalogue with the partitions and epochs that the broker has. Blocking; each process asks at its start.

    Raises LogUnavailable if the broker does not answer: no count is guessed. TopicMismatch for seams that contradict
    each other.
    """
    admin = open_admin({**properties, "socket.timeout.ms": "10000", "log_level": "0"})
    try:
        listed = admin.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        raise LogUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
    try:
        return with_counts(topics, {name: len(topic.partitions) for name, topic in listed.items()})
    except BadSeams as error:
        raise TopicMismatch(str(error)) from error
