"""Makes all Kafka clients: the one place where names on the cluster may differ from ours.

Without a prefix these are librdkafka's own clients, and nothing is done a record. With one they are wrapped: what
goes out gets the prefix, what comes back loses it. A wrapper has only the methods that are used; another one is an
AttributeError, never an unprefixed name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from topics.naming import Names
from topics.prefixed import PrefixedAdmin, PrefixedConsumer, PrefixedProducer, commits_told

PREFIX_PROPERTY = "verbatim.prefix"
"""Among the properties of a client: the prefix of its installation. It never reaches librdkafka, which refuses it."""
_NAMED = ("client.id", "group.id")


def open_consumer(properties: Mapping[str, Any]) -> Consumer:
    """A consumer with these properties."""
    names, wanted = _told_apart(properties)
    if names.prefix and (on_commit := wanted.get("on_commit")) is not None:
        wanted["on_commit"] = commits_told(names, on_commit)
    return cast(Consumer, PrefixedConsumer(names, Consumer(wanted))) if names.prefix else Consumer(wanted)


def open_producer(properties: Mapping[str, Any]) -> Producer:
    """A producer with these properties."""
    names, wanted = _told_apart(properties)
    return cast(Producer, PrefixedProducer(names, Producer(wanted))) if names.prefix else Producer(wanted)


def open_admin(properties: Mapping[str, Any]) -> AdminClient:
    """An admin client with these properties. Of topics it knows ours alone; groups it calls by their whole names."""
    names, wanted = _told_apart(properties)
    return cast(AdminClient, PrefixedAdmin(names, AdminClient(wanted))) if names.prefix else AdminClient(wanted)


def names_of(admin: object) -> Names:
    """The names of the installation that an admin client was opened for."""
    return admin.names if isinstance(admin, PrefixedAdmin) else Names()


def _told_apart(properties: Mapping[str, Any]) -> tuple[Names, dict[str, Any]]:
    """The names of the installation, and what librdkafka is told."""
    wanted = dict(properties)
    names = Names(wanted.pop(PREFIX_PROPERTY, ""))
    if names.prefix:
        wanted |= {name: names.physical(wanted[name]) for name in _NAMED if name in wanted}
    return names, wanted
