"""Appends to the log without an event loop, for commands: sends in order, then waits once for all."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.codec import encode
from topics.clients import open_producer
from topics.errors import LogUnavailable
from topics.headers import headers_of
from topics.producer import log_error

_ANSWER_S = 30.0


class Appender:
    """An idempotent producer, acks=all. Use it as a context manager: it never leaves records in flight unseen."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._failure: KafkaError | None = None
        self._producer = open_producer(
            {
                **properties,
                "client.id": "verbatim-backfill",
                "enable.idempotence": "true",
                "acks": "all",
                "linger.ms": "5",
                "message.timeout.ms": str(int(_ANSWER_S * 1000)),
                "message.max.bytes": str(9 * 1024 * 1024),
                "queue.buffering.max.kbytes": "65536",
                "log_level": "0",
            }
        )

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._producer.flush(_ANSWER_S)

    def append(self, topic: str, partition: int, key: str, record: object, value: bytes | None = None) -> None:
        """Fire a record (`value`: its bytes, if they are at hand). Waits while the queue is full. Raises LogError."""
        content = encode(record) if value is None else value
        while True:
            self._check()
            try:
                self._producer.produce(
                    topic, content, key.encode(), partition, on_delivery=self._delivered, headers=headers_of(record)
                )
                return
            except BufferError:
                # Bounded: what is queued ends in an acknowledgement or, after its time, in a failure.
                self._producer.poll(1.0)
            except KafkaException as error:
                raise log_error(error.args[0]) from error

    def settle(self) -> None:
        """Return when everything fired is acknowledged. Raises LogError if anything was not."""
        left = self._producer.flush(_ANSWER_S + 1)
        self._check()
        if left:
            raise LogUnavailable(f"{left} records were not acknowledged within {_ANSWER_S:.0f} s")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._failure = self._failure or error

    def _check(self) -> None:
        if self._failure is not None:
            raise log_error(self._failure)
