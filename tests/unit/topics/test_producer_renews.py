"""A client that gets nothing acknowledged any more is replaced; whoever waits for it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.eventually import eventually
from topics import producer as module
from topics.catalogue import CONTROL, catalogue
from topics.producer import LogProducer

TOPICS = catalogue()
TIMEOUT_S = 10.0


class Message:
    def offset(self) -> int:
        return 7


class Client:
    """Answers at a poll what it was told to (`says` None acknowledges), or `keeps` all."""

    def __init__(self, _: Mapping[str, Any]) -> None:
        self.says: KafkaError | None = None
        self.keeps = False
        self.callbacks: list[Callable[..., None]] = []
        self.purged = False
        self._came = threading.Event()

    def produce(self, *arguments: Any, on_delivery: Callable[..., None], **more: Any) -> None:
        self.callbacks.append(on_delivery)
        self._came.set()

    def poll(self, timeout_s: float) -> int:
        self._came.wait(min(timeout_s, 0.005))
        self._came.clear()
        says = KafkaError(KafkaError._PURGE_QUEUE) if self.purged else self.says
        if self.keeps and not self.purged:
            return 0
        due, self.callbacks = self.callbacks, []
        for callback in due:
            callback(says, Message())
        return len(due)

    def purge(self) -> None:
        self.purged = True

    def list_topics(self, timeout: float) -> None: ...

    def flush(self, timeout_s: float) -> int:
        return 0


class Ground:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.clients: list[Client] = []
        self.told: list[KafkaError | None] = []

    def opened(self, properties: Mapping[str, Any]) -> Client:
        self.clients.append(Client(properties))
        return self.clients[-1]

    async def fire(self, producer: LogProducer, count: int = 1) -> None:
        """Produce, and wait until all of it was told of."""
        before = len(self.told)
        for _ in range(count):
            producer.fire(CONTROL, "key", b"value", lambda error, _: self.told.append(error))
        await eventually(lambda: len(self.told) == before + count)


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = Ground()
    monkeypatch.setattr(module, "open_producer", made.opened)
    monkeypatch.setattr(module, "monotonic_s", lambda: made.now_s)
    return made


def timed_out() -> KafkaError:
    return KafkaError(KafkaError._MSG_TIMED_OUT)


async def test_it_goes_on_with_a_new_client(ground: Ground) -> None:
    producer = LogProducer({}, TOPICS, timeout_s=TIMEOUT_S)
    await producer.start()
    ground.clients[0].says = timed_out()
    ground.now_s += TIMEOUT_S
    await ground.fire(producer)
    await eventually(lambda: len(ground.clients) == 2)
    assert ground.clients[0].purged
    await ground.fire(producer)
    assert [error is None for error in ground.told] == [False, True]
    await producer.aclose()


async def test_what_the_old_one_still_holds_is_told_of(ground: Ground) -> None:
    producer = LogProducer({}, TOPICS, timeout_s=TIMEOUT_S)
    await producer.start()
    (old,) = ground.clients
    old.keeps = True
    for _ in range(3):
        producer.fire(CONTROL, "key", b"value", lambda error, _: ground.told.append(error))
    ground.now_s += TIMEOUT_S
    # One of them is told of first, as a client does it by their age.
    old.callbacks.pop(0)(timed_out(), Message())
    await eventually(lambda: len(ground.told) == 3)
    codes = [error.code() for error in ground.told if error is not None]
    assert codes == [KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_QUEUE, KafkaError._PURGE_QUEUE]
    assert (producer.in_flight, len(ground.clients)) == (0, 2)
    await producer.aclose()


async def test_one_that_acknowledges_others_is_kept(ground: Ground) -> None:
    producer = LogProducer({}, TOPICS, timeout_s=TIMEOUT_S)
    await producer.start()
    ground.now_s += TIMEOUT_S
    await ground.fire(producer)
    ground.clients[0].says = timed_out()
    ground.now_s += TIMEOUT_S / 2
    await ground.fire(producer, 5)
    await eventually(lambda: producer._is_resting)
    assert len(ground.clients) == 1
    await producer.aclose()


async def test_while_the_broker_is_away_there_is_a_new_one_now_and_then(ground: Ground) -> None:
    producer = LogProducer({}, TOPICS, timeout_s=TIMEOUT_S)
    await producer.start()
    for _ in range(20):
        ground.clients[-1].says = timed_out()
        ground.now_s += TIMEOUT_S / 2
        await ground.fire(producer)
        await eventually(lambda: not producer._is_stuck.is_set())
    assert 5 <= len(ground.clients) <= 11
    assert len(producer._retired) <= 3
    await producer.aclose()
