"""A topic that belongs to one test: written to, trimmed, deleted at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka.cimpl import NewTopic

from infra.ids import draw_id
from tests.eventually import eventually_sync
from topics.archive.trimming import delete_below
from topics.clients import open_admin, open_producer

TIMEOUT_S = 30.0


class ScratchTopic:
    """Every record is its number as key, `size` bytes as value, and headers on every third."""

    def __init__(self, properties: Mapping[str, str], name: str, partitions: int) -> None:
        self.properties = dict(properties)
        self.name = name
        self.partitions = {name: partitions}
        self._written = 0

    def write(self, count: int, *, size: int = 100, transactional: bool = False) -> None:
        """Append records to the partitions in turn; durable on return. A transaction leaves a marker after them."""
        identity = {"transactional.id": self.name} if transactional else {}
        # Small batches: a broker sends a batch whole, however little a reader asks for.
        order = {"enable.idempotence": "true", "linger.ms": "5", "batch.size": "16384", "message.max.bytes": "9000000"}
        producer = open_producer({**self.properties, **order, **identity})
        if transactional:
            producer.init_transactions(TIMEOUT_S)
            producer.begin_transaction()
        for number in range(self._written, self._written + count):
            producer.produce(
                self.name,
                number.to_bytes(8, "big") * (size // 8),
                b"key-%d" % number,
                number % self.partitions[self.name],
                headers=[("number", b"%d" % number), ("nothing", None)] if number % 3 == 0 else None,
            )
            if number % 1000 == 0:
                producer.poll(0)
        if transactional:
            producer.commit_transaction(TIMEOUT_S)
        assert producer.flush(TIMEOUT_S) == 0
        self._written += count

    def trim(self, partition: int, upto: int) -> None:
        delete_below(self.properties, {(self.name, partition): upto})


@contextmanager
def scratch_topic(properties: Mapping[str, str], partitions: int = 2) -> Iterator[ScratchTopic]:
    name = f"scratch-{draw_id()[:13]}"
    admin = open_admin(properties)
    config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "8400000"}
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(TIMEOUT_S)
    eventually_sync(lambda: name in admin.list_topics(timeout=10).topics)
    try:
        yield ScratchTopic(properties, name, partitions)
    finally:
        admin.delete_topics([name])[name].result(TIMEOUT_S)
