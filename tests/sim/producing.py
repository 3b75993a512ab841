"""What the product's own code gets instead of confluent-kafka's producers: the same calls, answered by the fake broker
in virtual time.

A record that was produced is under way for a while; it arrives even if its process is stopped meanwhile, and may arrive
or be lost if its process dies. Acknowledgements are late at times, and at times they never come although the record is
in the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from confluent_kafka import KafkaError

from tests.fakes.broker import Place
from tests.sim.network import Network
from tests.sim.virtual_time import Process, until
from topics.headers import Headers
from topics.producer import Acknowledged, LogProducer

PRODUCE_TIMEOUT_S = 10.0
_AFTER_S = 1e-6
"""Timers of the same moment have no order: what must come later, does."""
MESSAGE_TIMEOUT = -192
"""KafkaError._MSG_TIMED_OUT"""


class Pipe:
    """One client's connection for producing: in order in each partition."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process
        self._busy_until: dict[Place, float] = {}
        self._told_until: dict[Place, float] = {}
        self._cut: set[Place] = set()
        self.in_flight = 0

    def send(
        self, topic: str, partition: int, key: bytes, value: bytes, told: Callable[[KafkaError | None, int], None]
    ) -> None:
        """Produce; `told` is called in the process."""
        network, place = self._network, (topic, partition)
        arrives = max(network.loop.time() + network.delay_s(), self._busy_until.get(place, 0.0) + _AFTER_S)
        self._busy_until[place] = arrives
        self.in_flight += 1
        network.loop.call_at(arrives, self._arrive, place, key, value, told, context=Context())

    def _arrive(self, place: Place, key: bytes, value: bytes, told: Callable[[KafkaError | None, int], None]) -> None:
        network = self._network
        # Of what a dead process had under way the first part arrives.
        if not self._process.alive and (place in self._cut or network.rng.random() < 0.5):
            self._cut.add(place)
            return
        offset = network.broker.append(*place, key, value)
        delay_s = network.ack_delay_s()
        if delay_s is None:
            network.loop.call_later(
                PRODUCE_TIMEOUT_S, self._tell, told, KafkaError(MESSAGE_TIMEOUT), -1, context=self._process.context
            )
        else:
            at_s = max(network.loop.time() + delay_s, self._told_until.get(place, 0.0) + _AFTER_S)
            self._told_until[place] = at_s
            network.loop.call_at(at_s, self._tell, told, None, offset, context=self._process.context)

    def _tell(self, told: Callable[[KafkaError | None, int], None], error: KafkaError | None, offset: int) -> None:
        self.in_flight -= 1
        if self._process.step():
            told(error, offset)


class SimProducer(LogProducer):
    """topics.producer.LogProducer with its own `send`, over the fake broker."""

    def __init__(self, network: Network, process: Process) -> None:
        self._topics = network.topics
        self._timeout_s = PRODUCE_TIMEOUT_S
        self._loop = network.loop
        self._process = process
        self._pipe = Pipe(network, process)

    def fire(
        self, topic: str, key: str, value: bytes, acknowledged: Acknowledged | None = None, headers: object = None
    ) -> None:
        if self._process.step():
            partition = self._topics.partition(topic, key)
            self._pipe.send(topic, partition, key.encode(), value, acknowledged or _nobody)


def _nobody(error: KafkaError | None, offset: int) -> None:
    """For records whose loss is harmless."""


class Bursts:
    """A synchronous producer (confluent_kafka.Producer) as the recorder uses it."""

    def __init__(self, network: Network, process: Process) -> None:
        self._process = process
        self._pipe = Pipe(network, process)
        self._reports: deque[Callable[[], None]] = deque()

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, on_delivery: Any, headers: Headers | None = None
    ) -> None:
        def told(error: KafkaError | None, offset: int) -> None:
            self._reports.append(lambda: on_delivery(error, None))

        if self._process.step():
            self._pipe.send(topic, partition, key, value, told)

    def poll(self, timeout: float) -> None:
        """Delivery reports that have come."""
        while self._reports:
            self._reports.popleft()()

    def flush(self, timeout: float) -> None:
        """Nothing to wait for here: see `drained`."""
        self.poll(0)

    async def drained(self, at_most_s: float) -> None:
        """What `flush` waits for."""
        await until(lambda: not self._pipe.in_flight, at_most_s)
        self.poll(0)
