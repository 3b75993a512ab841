"""How far consumer groups have come: what they have committed, as the broker keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient

from topics.cuts import TopicPartition
from topics.errors import LogUnavailable

_ANSWER_S = 20.0


def committed(properties: Mapping[str, str]) -> dict[TopicPartition, dict[str, int]]:
    """Of each partition that any group ever committed: group -> the offset it would go on at. Raises LogUnavailable."""
    admin = AdminClient({**properties, "log_level": "0"})
    found: dict[TopicPartition, dict[str, int]] = {}
    try:
        listing = admin.list_consumer_groups(request_timeout=_ANSWER_S).result(_ANSWER_S)
        if listing.errors:
            raise LogUnavailable(f"the broker does not tell all consumer groups: {listing.errors[0]}")
        for group in sorted(group.group_id for group in listing.valid):
            asked = ConsumerGroupTopicPartitions(group)
            answer = admin.list_consumer_group_offsets([asked], request_timeout=_ANSWER_S)[group].result(_ANSWER_S)
            for place in answer.topic_partitions:
                if place.error is None and place.offset >= 0:
                    found.setdefault((place.topic, place.partition), {})[group] = place.offset
    except (KafkaException, TimeoutError) as error:
        raise LogUnavailable(f"the broker does not tell what its consumer groups have read: {error}") from error
    return found
