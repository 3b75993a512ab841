"""A shadow topic: holds a backfill's records before they count, and its log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException

from schemas import ids
from schemas.codec import UndecodableRecord, decode
from schemas.envelope import Envelope
from streams.backfill.backfill_log import BackfillLog, read_backfill_log
from topics.admin import create_topics
from topics.catalogue import SHADOW_LOG, SHADOW_PREFIX, SHADOW_RECORDS, Catalogue, shadow_spec, shadow_topic
from topics.clients import open_admin
from topics.errors import LogError, LogUnavailable
from topics.log import Log, RawRecord

_ACTOR = "system:backfill"
_GONE_S = 20.0


class ShadowLost(LogError):
    """Retention has taken some of a shadow's records."""


class Shadow:
    """One backfill's shadow. The topic need not exist yet."""

    def __init__(self, properties: Mapping[str, str], log: Log, name: str) -> None:
        self._properties = properties
        self._log = log
        self.name = name
        self.topic = shadow_topic(name)

    def exists(self) -> bool:
        """Whether there is one. Raises LogUnavailable."""
        return self.topic in self._log.topics()

    def create(self, record_types: tuple[type, ...], replication_factor: int) -> None:
        """Make the topic, unless it is there. Raises TopicMismatch, LogUnavailable, FatalLogError."""
        spec = shadow_spec(self.name, record_types)
        create_topics(self._properties, Catalogue({spec.name: spec}), replication_factor)

    def drop(self) -> None:
        """Delete the topic; returns when it is gone. Nothing happens if it is not there. Raises LogUnavailable."""
        admin = open_admin({**self._properties, "socket.timeout.ms": "10000", "log_level": "0"})
        deleted: dict[str, Future[None]] = admin.delete_topics([self.topic], operation_timeout=_GONE_S)
        try:
            deleted[self.topic].result(_GONE_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise LogUnavailable(f"{self.topic} could not be deleted: {error.args[0].str()}") from error
        except TimeoutError as error:
            raise LogUnavailable(f"{self.topic} is not deleted yet: the broker does not answer") from error
        until_s = time.monotonic() + _GONE_S
        while self.exists():
            if time.monotonic() > until_s:
                raise LogUnavailable(f"{self.topic} is being deleted, but not gone after {_GONE_S:.0f} s")
            time.sleep(0.1)

    def backfill_log(self) -> BackfillLog:
        """How far it is. Raises LogError."""
        return read_backfill_log(record for _, record in self._read(SHADOW_LOG, 0, None))

    def end(self) -> int:
        """The offset after its last record. Raises LogUnavailable; ShadowLost if its first ones are gone."""
        first, end = self._log.held({self.topic: 2})
        if first[self.topic, SHADOW_RECORDS]:
            raise ShadowLost(
                f"{self.name}: records of its shadow have outlived their time and are gone: "
                "drop it, and run the backfill again"
            )
        return end[self.topic, SHADOW_RECORDS]

    def records(self, start: int, stop: int) -> Iterator[tuple[RawRecord, object]]:
        """Its records from `start` to `stop` (excluded), each with what it says. Raises LogError."""
        return self._read(SHADOW_RECORDS, start, stop)

    def envelope(self, event: str, moment: str, at_us: int) -> Envelope:
        """The envelope of a log's entry; `moment` tells it from others of its kind."""
        event_id = ids.event_id(f"{self.topic}/{moment}", event)
        return Envelope(event_id, at_us, None, self.topic, _ACTOR)

    def _read(self, partition: int, start: int, stop: int | None) -> Iterator[tuple[RawRecord, object]]:
        place = self.topic, partition
        first, end = self._log.held({self.topic: partition + 1})
        start = max(start, first[place])
        for batch in self._log.read({place: start}, {place: end[place] if stop is None else stop}):
            for raw in batch:
                try:
                    yield raw, decode(raw.value)
                except UndecodableRecord as error:
                    raise ShadowLost(f"{self.topic}[{partition}]@{raw.offset} is damaged: {error}") from error


def shadows(log: Log) -> list[str]:
    """The names of all backfills that have a shadow. Raises LogUnavailable."""
    return sorted(topic.removeprefix(SHADOW_PREFIX) for topic in log.topics() if topic.startswith(SHADOW_PREFIX))
