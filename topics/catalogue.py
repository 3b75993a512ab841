"""The list of all topics."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.account import AccountEvent
from schemas.admission import AdmissionRecord
from schemas.backfill import BackfillLogRecord
from schemas.control import CancelRequested
from schemas.conversation import ConversationEvent
from schemas.dead_letter import DeadLetterEvent
from schemas.envelope import Position
from schemas.families import members
from schemas.generation import GenerationRecord, GenerationRequested
from schemas.moderation import ModerationEvent
from schemas.outcome import Outcome
from schemas.usage import UsageEntry, UsageRerated
from topics.partitioner import partition_for
from topics.spec import DAY_MS, EIGHT_MIB, FOR_EVER_MS, ONE_MIB, TopicSpec
from topics.topic import Topic

CONVERSATION_EVENTS: Topic[ConversationEvent] = Topic("conversation-events", ConversationEvent)
TOKEN_CHUNKS: Topic[GenerationRecord] = Topic("token-chunks", GenerationRecord)
GENERATION_OUTCOMES: Topic[Outcome] = Topic("generation-outcomes", Outcome)
MODERATION_VERDICTS: Topic[ModerationEvent] = Topic("moderation-verdicts", ModerationEvent)
USAGE_RECORDS: Topic[UsageEntry] = Topic("usage-records", UsageEntry)
CONTROL: Topic[CancelRequested] = Topic("control", CancelRequested)
ACCOUNT_EVENTS: Topic[AccountEvent] = Topic("account-events", AccountEvent)
ADMISSIONS: Topic[AdmissionRecord] = Topic("admissions", AdmissionRecord)
DEAD_LETTERS: Topic[DeadLetterEvent] = Topic("dead-letters", DeadLetterEvent)
SHADOW_PREFIX = "shadow."
SHADOW_KEPT_MS = 30 * DAY_MS
SHADOW_LOG, SHADOW_RECORDS = 0, 1
"""The two partitions of a shadow topic."""
SERVICE_CLASSES = ("interactive", "background")
OVERFLOW = "overflow"
LANES = ("", OVERFLOW)
"""The lane that is read first, and that which is read while there is room."""
JOBS_PREFIX = "generation-jobs."


def jobs_topic(pool: str, service_class: str, lane: str = "") -> Topic[GenerationRequested]:
    """The topic of a worker pool's jobs of one service class, in one lane."""
    return Topic(f"{JOBS_PREFIX}{pool}.{service_class}{lane and '.'}{lane}", GenerationRequested)


def jobs_topics(pool: str) -> tuple[Topic[GenerationRequested], ...]:
    """All topics of a worker pool's jobs."""
    return tuple(jobs_topic(pool, service_class, lane) for lane in LANES for service_class in SERVICE_CLASSES)


def pool_and_class(topic: str) -> tuple[str, str]:
    """The worker pool and the service class of a jobs topic."""
    pool, _, service_class = topic.removeprefix(JOBS_PREFIX).removesuffix(f".{OVERFLOW}").rpartition(".")
    return pool, service_class


def shadow_topic(name: str) -> str:
    """The topic of the backfill `name`."""
    return f"{SHADOW_PREFIX}{name}"


def shadow_spec(name: str, record_types: tuple[type, ...] = (UsageRerated,)) -> TopicSpec:
    """The shadow topic of a backfill that makes records of `record_types`: its log, then its records.

    It is made on demand, belongs to no installation's catalogue, and goes by itself some time after.
    """
    topic, types = shadow_topic(name), (*record_types, *members(BackfillLogRecord))
    return TopicSpec(topic, "the record's own", types, 2, SHADOW_KEPT_MS, "infra.cli", EIGHT_MIB)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All topics of an installation, by name."""

    specs: Mapping[str, TopicSpec]
    _written: Mapping[str, tuple[int, int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Asked with every record that is produced.
        written = {name: (spec.layout.first, spec.layout.width) for name, spec in self.specs.items()}
        object.__setattr__(self, "_written", written)

    def __getitem__(self, name: str) -> TopicSpec:
        return self.specs[name]

    def __iter__(self) -> Iterator[TopicSpec]:
        return iter(self.specs.values())

    def partition(self, topic: str, key: str) -> int:
        """Where a record with `key` is written in `topic`. Raises KeyError for a topic that is not in the catalogue."""
        first, width = self._written[topic]
        return first + partition_for(key, width)

    def partitions_of(self, topic: str, key: str) -> tuple[int, ...]:
        """Where records with `key` stand in `topic`: a partition an epoch, oldest first."""
        return self.specs[topic].layout.partitions_of(key)

    def places_of(self, topic: str, key: str) -> tuple[tuple[str, int], ...]:
        """The partitions of `partitions_of`, with their topic."""
        return tuple((topic, partition) for partition in self.partitions_of(topic, key))

    def position(self, topic: str, partition: int, offset: int) -> Position:
        """A place in `topic`, as records name it."""
        return Position(bisect_right(self.specs[topic].seams, partition), partition, offset)


def catalogue(
    pools: tuple[str, ...] = ("default",), *, keyed_partitions: int = 2, token_chunk_partitions: int = 1
) -> Catalogue:
    """The topics for these worker pools. Partition counts are per keyed topic; token-chunks has its own."""
    n = keyed_partitions
    specs = [
        _spec(
            CONVERSATION_EVENTS,
            "conversation_id",
            n,
            FOR_EVER_MS,
            "api; titles, ends of temporary ones by streams.conversation",
            EIGHT_MIB,
        ),
        _spec(
            TOKEN_CHUNKS,
            "conversation_id",
            token_chunk_partitions,
            3 * DAY_MS,
            "inference_workers; ends also by api, streams",
        ),
        _spec(GENERATION_OUTCOMES, "conversation_id", n, FOR_EVER_MS, "streams.recorder", EIGHT_MIB),
        _spec(MODERATION_VERDICTS, "conversation_id", n, FOR_EVER_MS, "streams.conversation"),
        _spec(USAGE_RECORDS, "user_id", n, FOR_EVER_MS, "metering; api; backfills"),
        _spec(CONTROL, "generation_id", 1, DAY_MS, "api, streams"),
        _spec(ACCOUNT_EVENTS, "user_id", 1, FOR_EVER_MS, "api, infra.cli"),
        _spec(
            ADMISSIONS, "account", n, FOR_EVER_MS, "streams.conversation; inference_workers; metering; api, infra.cli"
        ),
        _spec(DEAD_LETTERS, "the source record's", 1, 30 * DAY_MS, "every consumer; infra.cli", EIGHT_MIB),
    ]
    specs += [
        _spec(topic, "conversation_id", n, 7 * DAY_MS, "streams.conversation", EIGHT_MIB)
        for pool in pools
        for topic in jobs_topics(pool)
    ]
    return Catalogue({spec.name: spec for spec in specs})


def _spec(
    topic: Topic[Any],
    key: str,
    partitions: int,
    retention_ms: int,
    written_by: str,
    max_record_bytes: int = ONE_MIB,
) -> TopicSpec:
    return TopicSpec(str(topic), key, topic.record_types, partitions, retention_ms, written_by, max_record_bytes)
