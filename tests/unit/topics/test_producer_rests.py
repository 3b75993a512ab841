"""A producer's thread waits for acknowledgements only while there are any to come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.eventually import eventually
from topics import producer as module
from topics.catalogue import CONTROL, catalogue
from topics.producer import LogProducer

TOPICS = catalogue()


class Message:
    def offset(self) -> int:
        return 7


class Client:
    """Acknowledges what was produced at the next poll, and counts the polls."""

    def __init__(self, _: Mapping[str, Any]) -> None:
        self.polls = 0
        self.callbacks: list[Callable[..., None]] = []
        self._came = threading.Event()

    def produce(self, *arguments: Any, on_delivery: Callable[..., None], **more: Any) -> None:
        self.callbacks.append(on_delivery)
        self._came.set()

    def poll(self, timeout_s: float) -> int:
        self.polls += 1
        self._came.wait(min(timeout_s, 0.01))
        self._came.clear()
        due, self.callbacks = self.callbacks, []
        for callback in due:
            callback(None, Message())
        return len(due)

    def list_topics(self, timeout: float) -> None: ...

    def flush(self, timeout_s: float) -> int:
        return 0


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    made: list[Client] = []

    def opened(properties: Mapping[str, Any]) -> Client:
        made.append(Client(properties))
        return made[-1]

    monkeypatch.setattr(module, "open_producer", opened)
    return made


async def test_it_rests_until_a_record_is_produced_and_again_after_it(clients: list[Client]) -> None:
    producer = LogProducer({}, TOPICS)
    await producer.start()
    (client,) = clients
    offsets: list[int] = []
    for count in range(1, 50):
        await eventually(lambda: producer._is_resting)
        polls = client.polls
        producer.fire(CONTROL, "key", b"value", lambda _, offset: offsets.append(offset))
        await eventually(lambda count=count: len(offsets) == count)  # type: ignore[misc]  # a loop's variable
        assert client.polls > polls
    assert offsets == [7] * 49
    await eventually(lambda: producer._is_resting)
    polls = client.polls
    assert producer._is_resting and client.polls == polls
    assert await producer.aclose() == 0
    assert not producer._thread.is_alive()


async def test_records_in_quick_succession_are_all_acknowledged(clients: list[Client]) -> None:
    producer = LogProducer({}, TOPICS)
    await producer.start()
    offsets: list[int] = []
    for _ in range(2000):
        producer.fire(CONTROL, "key", b"value", lambda _, offset: offsets.append(offset))
    await eventually(lambda: len(offsets) == 2000)
    await producer.aclose()
