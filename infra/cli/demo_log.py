"""Reads the records of one answer with the demo's own consumers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException

from infra.clock import monotonic_s
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.generation import AttemptStarted, GenerationRecord
from schemas.outcome import Outcome
from schemas.usage import UsageRecorded
from topics.catalogue import GENERATION_OUTCOMES, TOKEN_CHUNKS, USAGE_RECORDS
from topics.consumer import assigned_consumer
from topics.errors import LogUnavailable
from topics.scan import generation_of, scan, watermarks
from topics.topic import R, Topic

ANSWER_S = 5.0
AGAIN_S = 0.2

Places = Mapping[tuple[str, int], int]
"""An offset a (topic, partition)."""


@dataclass(frozen=True, slots=True)
class Found:
    """The records of one generation, in the order of the log."""

    log: tuple[GenerationRecord, ...]
    outcomes: tuple[Outcome, ...]
    usages: tuple[UsageRecorded, ...]


class LogReader:
    """Reads from where the log ended when it was made. Its making and `writer` block; all raise LogError."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        # librdkafka's own remarks on stderr would mix with ours.
        self._properties = {**properties, "log_level": "0"}
        self._since = self._ends()

    def writer(self, generation_id: str) -> str | None:
        """The worker that the newest attempt names; None if there is none."""
        found = [record for record in self._records(TOKEN_CHUNKS) if generation_of(record) == generation_id]
        started = [record.worker for record in found if isinstance(record, AttemptStarted)]
        return started[-1] if started else None

    def end_of(self, topic: str) -> int:
        """How many records of a topic there ever were, over all its partitions."""
        consumer = assigned_consumer(self._properties)
        try:
            there = consumer.list_topics(timeout=ANSWER_S).topics.get(topic)
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error}") from error
        finally:
            consumer.close()
        partitions = () if there is None else tuple(there.partitions)
        return sum(watermarks(self._properties, topic, partition, ANSWER_S)[1] for partition in partitions)

    async def everything(self, generation_id: str, until_s: float) -> Found:
        """All there is, once an outcome and a usage record are there; what there is at `until_s` if they never come."""
        while True:
            try:
                found = await asyncio.to_thread(self._now, generation_id)
                if (found.outcomes and found.usages) or monotonic_s() >= until_s:
                    return found
            except LogUnavailable:
                if monotonic_s() >= until_s:
                    raise
            await asyncio.sleep(AGAIN_S)

    def _now(self, generation_id: str) -> Found:
        log = tuple(each for each in self._records(TOKEN_CHUNKS) if generation_of(each) == generation_id)
        outcomes = self._records(GENERATION_OUTCOMES)
        usages = (usage for usage in self._records(USAGE_RECORDS) if isinstance(usage, UsageRecorded))
        return Found(
            log,
            tuple(outcome for outcome in outcomes if outcome.turn.generation_id == generation_id),
            tuple(usage for usage in usages if usage.generation_id == generation_id),
        )

    def _records(self, topic: Topic[R]) -> Iterator[R]:
        """Every record of `topic` since this reader was made; damaged ones are passed over, as every reader does."""
        for (name, partition), start in self._since.items():
            if name != topic:
                continue
            _, stop = watermarks(self._properties, topic, partition, ANSWER_S)
            for message in scan(self._properties, topic, partition, start, stop, timeout_s=ANSWER_S):
                try:
                    yield topic.decode(message.value())
                except (UndecodableRecord, NewerRecord):
                    continue

    def _ends(self) -> Places:
        """Where each partition ends now."""
        consumer = assigned_consumer(self._properties)
        try:
            known = consumer.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error}") from error
        finally:
            consumer.close()
        return {
            (topic, partition): watermarks(self._properties, topic, partition, ANSWER_S)[1]
            for topic in (TOKEN_CHUNKS, GENERATION_OUTCOMES, USAGE_RECORDS)
            for partition in known[topic].partitions
        }
