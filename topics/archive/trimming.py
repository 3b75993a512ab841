"""Deletes from a topic what its archive holds: the only way in which records of ours leave the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from confluent_kafka import KafkaException, TopicPartition

from topics.archive.manifest import folder_of
from topics.clients import open_admin
from topics.errors import DamagedArchive, LogUnavailable
from topics.log import RawRecord

_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Up to which offset (excluded) a partition may be trimmed, and what keeps the next record."""

    upto: int
    because: str


def limit_of(
    low: int, wanted: int, archived: int, committed: Mapping[str, int], required: Iterable[str], asked_for: str
) -> Limit:
    """How far a partition that begins at `low` may be trimmed. Pure.

    `wanted`: where the user wants it to begin, for the reason `asked_for`. `archived`: the end of the archive.
    `committed`: of each group that reads the partition where it goes on. `required`: groups that read it even if they
    have not committed yet. The result is never below `low`.
    """
    bounds = [(wanted, asked_for), (archived, "the archive ends there")]
    bounds += [(at, f"the consumer group {group} has not read further") for group, at in sorted(committed.items())]
    bounds += [
        (low, f"the consumer group {group} has committed nothing yet")
        for group in sorted(required)
        if group not in committed
    ]
    upto, because = min(bounds, key=lambda bound: bound[0])
    return Limit(max(upto, low), because)


def compare(
    topic: str, partition: int, archived: Iterable[list[RawRecord]], held: Iterable[list[RawRecord]]
) -> Iterator[int]:
    """Hold what was read back from the archive against what the topic holds; yields how many records were equal, now
    and then. Raises DamagedArchive at the first difference.
    """
    equal = 0
    for kept, there in zip_longest(_each(archived), _each(held)):
        if kept != there:
            at = min(record.offset for record in (kept, there) if record is not None)
            raise DamagedArchive(
                folder_of(topic, partition), at, "the archive and the topic hold different records there"
            )
        equal += 1
        if equal % 10_000 == 0:
            yield equal
    yield equal


def delete_below(properties: Mapping[str, str], upto: Mapping[tuple[str, int], int]) -> None:
    """Let partitions begin at these offsets; what was before is deleted by the broker. Raises LogUnavailable."""
    admin = open_admin({**properties, "log_level": "0"})
    places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in sorted(upto.items())]
    try:
        for future in admin.delete_records(places, request_timeout=_ANSWER_S).values():
            future.result(_ANSWER_S)
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker did not delete what is archived: {error}. Run the command again") from error


def _each(batches: Iterable[list[RawRecord]]) -> Iterator[RawRecord]:
    for batch in batches:
        yield from batch
