"""Faust's transport as agents here use it: our consumer, no producer, records as the bytes they are."""

from __future__ import annotations

from typing import Any

import confluent_kafka
from faust.serializers.schemas import Schema as FaustSchema
from faust.transport import base
from faust.transport.producer import Producer as FaustProducer
from faust.transport.producer import ProducerBuffer

from streams.faust.driver import GroupConsumer
from topics.consumer import lazily
from topics.reads import reading_id


class _NoBuffer(ProducerBuffer):  # type: ignore[misc]  # Faust ships no types
    async def wait_until_ebb(self) -> None:
        """Asked before every record; there is nothing to wait for."""


class NoProducer(FaustProducer):  # type: ignore[misc]  # Faust ships no types
    """Agents here write with topics.producer; Faust itself has nothing to send."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.buffer = _NoBuffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app

    async def flush(self) -> None:
        """Nothing is ever buffered."""


class RawSchema(FaustSchema):  # type: ignore[misc]  # Faust ships no types
    """Keys and values as the bytes they are; a tombstone's value is None."""

    def compile(self, app: Any, **_: Any) -> Any:
        event = app.conf.Event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return event(app, message.key, message.value, message.headers, message)

        return decode


class Transport(base.Transport):  # type: ignore[misc]  # Faust ships no types
    """What Faust calls a transport: the classes above and librdkafka's settings."""

    Consumer = GroupConsumer
    Producer = NoProducer
    driver_version = f"librdkafka={confluent_kafka.libversion()[0]}"

    def client_properties(self) -> dict[str, str]:
        """The settings of the group member. Holds secrets: never log it."""
        conf, lazy_ms = self.app.conf, self.app.lazy_ms
        member = {"group.instance.id": conf.consumer_group_instance_id} if conf.consumer_group_instance_id else {}
        return {
            **self.app.verbatim_settings.kafka.client_properties(),
            "client.id": reading_id(conf.id),
            "group.id": conf.id,
            "group.protocol": "classic",
            # Faust takes every rebalance for an eager one: all is revoked, then all is assigned.
            "partition.assignment.strategy": "range,roundrobin",
            "session.timeout.ms": str(int(conf.broker_session_timeout * 1000)),
            "heartbeat.interval.ms": str(int(conf.broker_heartbeat_interval * 1000)),
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": str(9 * 1024 * 1024),
            "queued.max.messages.kbytes": "32768",
            **member,
            **lazily(lazy_ms),
        }
