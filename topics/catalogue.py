"""The one list of topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.backfill import BackfillAdvanced, BackfillCompared, BackfillPromoted, BackfillStarted
from schemas.control import CancelRequested
from schemas.conversation import (
    ConversationDeleted,
    ConversationRenamed,
    ConversationShared,
    ConversationStarted,
    FeedbackGiven,
    PromptSubmitted,
    RegenerateRequested,
)
from schemas.dead_letter import DeadLetter, DeadLetterResolved
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, GenerationRequested, TokenChunk
from schemas.moderation import ModerationVerdict, ReviewDecided
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from schemas.usage import UsageRecorded, UsageRerated
from topics.partitioner import partition_for
from topics.spec import DAY_MS, EIGHT_MIB, FOR_EVER_MS, TopicSpec

CONVERSATION_EVENTS = "conversation-events"
TOKEN_CHUNKS = "token-chunks"  # noqa: S105 - a topic's name
GENERATION_OUTCOMES = "generation-outcomes"
MODERATION_VERDICTS = "moderation-verdicts"
USAGE_RECORDS = "usage-records"
CONTROL = "control"
ACCOUNT_EVENTS = "account-events"
DEAD_LETTERS = "dead-letters"
SHADOW_PREFIX = "shadow."
SHADOW_KEPT_MS = 30 * DAY_MS
SHADOW_DIARY, SHADOW_RECORDS = 0, 1
"""The two partitions of a shadow topic."""
SERVICE_CLASSES = ("interactive", "background")


def jobs_topic(pool: str, service_class: str) -> str:
    """The topic of a worker pool's jobs of one service class."""
    return f"generation-jobs.{pool}.{service_class}"


def shadow_topic(name: str) -> str:
    """The topic of the backfill `name`."""
    return f"{SHADOW_PREFIX}{name}"


def shadow_spec(name: str, record_types: tuple[type, ...] = (UsageRerated,)) -> TopicSpec:
    """The shadow topic of a backfill that makes records of `record_types`: its diary, then its records.

    It is made on demand, belongs to no installation's catalogue, and goes by itself some time after.
    """
    diary = (BackfillStarted, BackfillAdvanced, BackfillCompared, BackfillPromoted)
    topic, types = shadow_topic(name), (*record_types, *diary)
    return TopicSpec(topic, "the record's own", types, 2, SHADOW_KEPT_MS, "infra.cli", EIGHT_MIB)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All topics of an installation, by name."""

    specs: Mapping[str, TopicSpec]

    def __getitem__(self, name: str) -> TopicSpec:
        return self.specs[name]

    def __iter__(self) -> Iterator[TopicSpec]:
        return iter(self.specs.values())

    def partition(self, topic: str, key: str) -> int:
        """The partition of `key` in `topic`. Raises KeyError for a topic that is not in the catalogue."""
        return partition_for(key, self.specs[topic].partitions)


def catalogue(
    pools: tuple[str, ...] = ("default",), *, keyed_partitions: int = 2, token_chunk_partitions: int = 1
) -> Catalogue:
    """The topics for these worker pools. Partition counts are per keyed topic; token-chunks has its own."""
    conversation = (
        ConversationStarted,
        PromptSubmitted,
        RegenerateRequested,
        ConversationRenamed,
        ConversationShared,
        FeedbackGiven,
        ConversationDeleted,
    )
    outcomes = (GenerationCompleted, GenerationFailed, GenerationCancelled, GenerationRefused)
    generation = (AttemptStarted, TokenChunk, AttemptEnded, GenerationEnded)
    accounts = (UserCreated, ApiKeyCreated, ApiKeyRevoked)
    n = keyed_partitions
    specs = [
        TopicSpec(CONVERSATION_EVENTS, "conversation_id", conversation, n, FOR_EVER_MS, "api", EIGHT_MIB),
        TopicSpec(
            TOKEN_CHUNKS,
            "conversation_id",
            generation,
            token_chunk_partitions,
            3 * DAY_MS,
            "inference_workers; ends also by api, streams",
        ),
        TopicSpec(GENERATION_OUTCOMES, "conversation_id", outcomes, n, FOR_EVER_MS, "streams.recorder", EIGHT_MIB),
        TopicSpec(
            MODERATION_VERDICTS,
            "conversation_id",
            (ModerationVerdict, ReviewDecided),
            n,
            FOR_EVER_MS,
            "streams.conversation",
        ),
        TopicSpec(USAGE_RECORDS, "user_id", (UsageRecorded, UsageRerated), n, FOR_EVER_MS, "metering; backfills"),
        TopicSpec(CONTROL, "generation_id", (CancelRequested,), 1, DAY_MS, "api, streams"),
        TopicSpec(ACCOUNT_EVENTS, "user_id", accounts, 1, FOR_EVER_MS, "api, infra.cli"),
        TopicSpec(
            DEAD_LETTERS,
            "the source record's",
            (DeadLetter, DeadLetterResolved),
            1,
            30 * DAY_MS,
            "every consumer; infra.cli",
            EIGHT_MIB,
        ),
    ]
    specs += [
        TopicSpec(
            jobs_topic(pool, service_class),
            "conversation_id",
            (GenerationRequested,),
            n,
            7 * DAY_MS,
            "streams.conversation",
            EIGHT_MIB,
        )
        for pool in pools
        for service_class in SERVICE_CLASSES
    ]
    return Catalogue({spec.name: spec for spec in specs})
