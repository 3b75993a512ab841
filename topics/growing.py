"""Giving a topic more partitions: a new epoch, beside those there are (topics/epochs.py).

Nothing may be under way meanwhile. A record that is still unread could be handled after a later one of its key, since
that stands in another partition; and a process that started before would go on writing to the old partitions. So
every consumer group must have read everything, and no process of ours may run: `problem_of` tells what speaks against.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, MODERATION_VERDICTS, TOKEN_CHUNKS, USAGE_RECORDS
from topics.clients import open_admin
from topics.cuts import Cut, TopicPartition
from topics.epochs import MAX_EPOCHS, BadSeams, Layout, Mark, layouts_of
from topics.errors import FatalLogError, LogUnavailable, TopicMismatch
from topics.groups import Member

MAX_PARTITIONS = 1024
GROUPS: Mapping[str, tuple[str, ...]] = {
    CONVERSATION_EVENTS: ("verbatim-conversation", "verbatim-watchdog", "verbatim-projections"),
    TOKEN_CHUNKS: ("verbatim-recorder",),
    GENERATION_OUTCOMES: ("verbatim-metering", "verbatim-watchdog", "verbatim-projections"),
    USAGE_RECORDS: ("verbatim-projections",),
}
"""Who must have read all of a topic, also if the broker has never heard of them."""
JOBS_PREFIX = "generation-jobs."
_ANSWER_S = 30.0
_LOOK_S = 0.1


class CannotGrow(ValueError):
    """What is asked is not possible, or not now. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Unread:
    """`group` has `count` records of a partition still before it."""

    group: str
    topic: str
    partition: int
    count: int

    def __str__(self) -> str:
        return f"{self.group} has {self.count} records of {self.topic}:{self.partition} still to read"


def can_grow(topic: str) -> bool:
    """Whether a topic's keys are spread over partitions. The others have one partition for a reason."""
    return topic in {*GROUPS, MODERATION_VERDICTS} or topic.startswith(JOBS_PREFIX)


def unread(first: Cut, end: Cut, committed: Mapping[TopicPartition, Mapping[str, int]]) -> list[Unread]:
    """What groups have not read of what there is: those of GROUPS, and all that ever read the topic. Pure."""
    readers: dict[str, set[str]] = {topic: set(groups) for topic, groups in GROUPS.items()}
    for (topic, _), groups in committed.items():
        readers.setdefault(topic, set()).update(groups)
    found = []
    for (topic, partition), until in sorted(end.items()):
        for group in sorted(readers.get(topic, ())):
            at = committed.get((topic, partition), {}).get(group, 0)
            # What retention took nobody can read any more.
            left = until - max(at, first.get((topic, partition), 0))
            if left > 0:
                found.append(Unread(group, topic, partition, left))
    return found


def problem_of(members: Iterable[Member], left: Iterable[Unread]) -> str | None:
    """What speaks against growing now, in one line; None if nothing does. Pure."""
    if running := sorted({f"{member.name} ({member.group}, {member.host})" for member in members}):
        return f"processes are running: {', '.join(running[:8])}. Stop all of them first"
    if waiting := [str(one) for one in left]:
        more = f", and {len(waiting) - 4} more" if len(waiting) > 4 else ""
        return (
            f"not everything is read: {', '.join(waiting[:4])}{more}. Start the stack, let open answers end, wait until"
            " ./verbatim replay lag shows nothing unread, and stop it again"
        )
    return None


def grown(topic: str, layout: Layout | None, partitions: int) -> tuple[Layout, Mark]:
    """The layout with an epoch of `partitions` more, and the mark of that. Raises CannotGrow. Pure."""
    if not can_grow(topic):
        raise CannotGrow(f"{topic[:100]!r} cannot be grown: topics that are keyed by conversation or user can")
    if layout is None:
        raise CannotGrow(f"there is no topic {topic}: start the stack once (./verbatim up)")
    if partitions <= layout.width:
        raise CannotGrow(f"{topic} writes to {layout.width} partitions: ask for more than that")
    if partitions > MAX_PARTITIONS:
        raise CannotGrow(f"{partitions} partitions are too many: {MAX_PARTITIONS} are the most")
    if layout.epoch + 1 >= MAX_EPOCHS:
        raise CannotGrow(f"{topic} has had {layout.epoch} epochs: no more are possible")
    mark = Mark(topic, layout.epoch + 1, layout.partitions)
    return Layout(layout.partitions + partitions, (*layout.seams, layout.partitions)), mark


def grow(properties: Mapping[str, str], topic: str, partitions: int, replication_factor: int = 1) -> Layout:
    """Begin a new epoch of `topic` with `partitions`; returns the new layout once the broker tells of it.

    The mark is made first: without partitions of its own it says nothing, so an interruption leaves the topic as it
    was, and the same command goes on. Raises CannotGrow, TopicMismatch, LogUnavailable, FatalLogError.
    """
    admin = open_admin({**properties, "socket.timeout.ms": "10000", "log_level": "0"})
    try:
        wanted, mark = grown(topic, _layout(admin, topic), partitions)
        _done(admin.create_topics([_empty(mark, replication_factor)])[mark.name], KafkaError.TOPIC_ALREADY_EXISTS)
        _done(admin.create_partitions([NewPartitions(topic, wanted.partitions)])[topic])
        until_s = time.monotonic() + _ANSWER_S
        while _layout(admin, topic) != wanted:
            if time.monotonic() > until_s:
                raise LogUnavailable(f"{topic} is being grown, but the broker does not show it yet: look again")
            time.sleep(_LOOK_S)
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker did not answer: {error}. Run the command again") from error
    return wanted


def _layout(admin: AdminClient, topic: str) -> Layout | None:
    listed = admin.list_topics(timeout=_ANSWER_S).topics
    try:
        return layouts_of({name: len(found.partitions) for name, found in listed.items()}).get(topic)
    except BadSeams as error:
        raise TopicMismatch(str(error)) from error


def _empty(mark: Mark, replication_factor: int) -> NewTopic:
    return NewTopic(mark.name, 1, replication_factor, config={"cleanup.policy": "delete", "retention.ms": "-1"})


def _done(answer: object, but: int | None = None) -> None:
    try:
        answer.result(_ANSWER_S)  # type: ignore[attr-defined]  # the client's stubs call it an object
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() == but:
            return
        if not cause.retriable():
            raise FatalLogError(f"the broker refused: {cause.str()}") from error
        raise
