"""Which partitions of a consumer are paused, so that one that comes again never is by accident."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from topics.cuts import TopicPartition as Place


class Pausing:
    """Called in the consumer's thread, but for `wanted` and `topics`, which any thread sets."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.wanted = False
        """Whether nothing is to be fetched, as the user says."""
        self.topics: frozenset[str] = frozenset()
        """Of which nothing is to be fetched meanwhile, as the user says."""
        self.held = False
        """Whether nothing is to be fetched, as the reader says."""
        self._paused: frozenset[Place] = frozenset()

    def apply(self) -> None:
        """Pause what is assigned and not to be fetched, or go on. Cheap where nothing is paused or to be."""
        all_wanted, topics = self.wanted or self.held, self.topics
        if not all_wanted and not topics and not self._paused:
            return
        assigned = self._consumer.assignment() if all_wanted or topics else []
        wanted = frozenset((place.topic, place.partition) for place in assigned if all_wanted or place.topic in topics)
        if more := wanted - self._paused:
            self._consumer.pause([TopicPartition(*place) for place in sorted(more)])
        if less := self._paused - wanted:
            self._consumer.resume([TopicPartition(*place) for place in sorted(less)])
        self._paused = wanted

    def forget(self, places: Iterable[Place]) -> None:
        """These go, or are assigned anew: they are not paused then, whatever the client makes of it."""
        if paused := self._paused.intersection(places):
            with contextlib.suppress(KafkaException):
                self._consumer.resume([TopicPartition(*place) for place in sorted(paused)])
            self._paused -= paused
