"""Committed offsets and members of consumer groups, from the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient

from topics.clients import names_of, open_admin
from topics.cuts import TopicPartition
from topics.errors import LogUnavailable
from topics.reads import level_read_by

_ANSWER_S = 20.0


@dataclass(frozen=True, slots=True)
class Member:
    """A consumer that is in its group now. `reads`: the newest write level that its release reads."""

    group: str
    name: str
    host: str
    reads: int


def committed(properties: Mapping[str, str]) -> dict[TopicPartition, dict[str, int]]:
    """Of each partition of ours that any group ever committed: group -> the offset it would go on at.

    Other applications' groups are among them, by the names they have on the cluster. Raises LogUnavailable.
    """
    return committed_by(open_admin({**properties, "log_level": "0"}))


def committed_by(admin: AdminClient, *, answer_s: float = _ANSWER_S) -> dict[TopicPartition, dict[str, int]]:
    """As `committed`, asked with a client that is there. `answer_s`: how long the broker may take for each answer."""
    names = names_of(admin)
    found: dict[TopicPartition, dict[str, int]] = {}
    try:
        listing = admin.list_consumer_groups(request_timeout=answer_s).result(answer_s)
        if listing.errors:
            raise LogUnavailable(f"the broker did not list all consumer groups: {listing.errors[0]}")
        # One request tells of one group: all are on their way before the first answer is waited for.
        asked = {
            group: admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=answer_s)[
                group
            ]
            for group in sorted(group.group_id for group in listing.valid)
        }
        for group, answer in asked.items():
            for place in answer.result(answer_s).topic_partitions:
                topic = names.logical(place.topic)
                if topic is not None and place.error is None and place.offset >= 0:
                    readers = found.setdefault((topic, place.partition), {})
                    readers[names.logical(group) or group] = place.offset
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker did not return what its consumer groups have read: {error}") from error
    return found


def listed(admin: AdminClient, prefix: str, *, answer_s: float = _ANSWER_S) -> list[str]:
    """Our groups whose names begin with `prefix`, also those that have read nothing yet. Raises LogUnavailable."""
    names = names_of(admin)
    try:
        listing = admin.list_consumer_groups(request_timeout=answer_s).result(answer_s)
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker did not list its consumer groups: {error}") from error
    if listing.errors:
        raise LogUnavailable(f"the broker did not list all consumer groups: {listing.errors[0]}")
    logical = (names.logical(group.group_id) for group in listing.valid)
    return sorted(group for group in logical if group is not None and group.startswith(prefix))


def instances(admin: AdminClient, groups: Sequence[str], *, answer_s: float = _ANSWER_S) -> dict[str, list[str]]:
    """The static members of each of these groups, by the names they gave themselves. Raises LogUnavailable."""
    if not groups:
        return {}
    names = names_of(admin)
    physical = {names.physical(group): group for group in groups}
    try:
        asked = admin.describe_consumer_groups(list(physical), request_timeout=answer_s)
        found = {physical[group]: answer.result(answer_s) for group, answer in asked.items()}
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker did not describe its consumer groups: {error}") from error
    return {
        group: sorted(
            member.group_instance_id.removeprefix(f"{group}-") for member in told.members if member.group_instance_id
        )
        for group, told in found.items()
    }


def members(properties: Mapping[str, str], prefix: str, *, answer_s: float = _ANSWER_S) -> list[Member]:
    """All members of our groups whose names begin with `prefix`. Raises LogUnavailable."""
    admin = open_admin({**properties, "log_level": "0"})
    names = names_of(admin)
    try:
        listing = admin.list_consumer_groups(request_timeout=answer_s).result(answer_s)
        named = {group.group_id: names.logical(group.group_id) for group in listing.valid}
        ours = {group: name for group, name in named.items() if name is not None and name.startswith(prefix)}
        if listing.errors:
            raise LogUnavailable(f"the broker did not list all consumer groups: {listing.errors[0]}")
        asked = admin.describe_consumer_groups(sorted(ours), request_timeout=answer_s) if ours else {}
        found = {ours[group]: answer.result(answer_s) for group, answer in asked.items()}
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker did not describe its consumer groups: {error}") from error
    return [
        Member(
            group,
            (member.group_instance_id or names.logical(member.client_id) or member.client_id).removeprefix(f"{group}-"),
            member.host.removeprefix("/"),
            level_read_by(member.client_id),
        )
        for group, told in found.items()
        for member in told.members
    ]
