"""Writes to the log from an event loop: idempotent, acks=all, one wake-up per burst of acknowledgements."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.runtime.bridge import Burst
from infra.runtime.metrics import bound
from schemas.codec import encode
from schemas.envelope import Position
from topics.catalogue import Catalogue
from topics.clients import open_producer
from topics.errors import FatalLogError, LogError, LogUnavailable, RecordRefused
from topics.headers import IMPORTED, Headers, headers_of, size_of
from topics.topic import R, Topic

Acknowledged = Callable[[KafkaError | None, int], None]
"""Called on the loop with (error or None, offset; -1 on error)."""

_Answer = tuple[Acknowledged, KafkaError | None, int]
_queue_full = bound("producer.queue")
_log = get_logger(__name__)
_POLL_S = 0.2
"""How long a producer's thread waits for an acknowledgement at a time. It rests while there is none to come."""
_BATCH_OVERHEAD_BYTES = 256
"""What a topic's limit must hold besides key and value: the head of a batch and of a record."""
REFUSALS = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD})
"""What a broker says of a record that it will never take."""


class LogProducer:
    """One librdkafka producer for one event loop. Partitions are named by us (murmur2), never by the client.

    A client that takes records and gets none acknowledged is replaced: one that was opened while the broker hung may
    wait for its producer id for ever.

    `linger_ms` 0 suits a calm producer, 1-2 a busy one: research "spine" §3.3.
    """

    def __init__(
        self,
        properties: Mapping[str, str],
        topics: Catalogue,
        *,
        linger_ms: float = 0,
        timeout_s: float = 10.0,
        max_queued: int = 200_000,
        client_id: str = "verbatim",
    ) -> None:
        self._topics = topics
        self._timeout_s = timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._acknowledged: Burst[_Answer] = Burst(self._taken)
        self._closing = threading.Event()
        self.in_flight = 0
        self._is_resting = False
        self._work = threading.Event()
        self._settings = {
            **properties,
            "client.id": client_id,
            "enable.idempotence": "true",
            "acks": "all",
            "linger.ms": str(linger_ms),
            "message.timeout.ms": str(int(timeout_s * 1000)),
            "message.max.bytes": str(9 * 1024 * 1024),
            "queue.buffering.max.messages": str(max_queued),
            "queue.buffering.max.kbytes": "262144",
            "compression.type": "none",
        }
        self._producer = open_producer(self._settings)
        self._retired: list[tuple[Producer, float]] = []
        self._renewed_at_s = self._acknowledged_at_s = monotonic_s()
        self._is_stuck = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=f"{client_id}-acks", daemon=True)

    @property
    def topics(self) -> Catalogue:
        """What it writes to."""
        return self._topics

    async def start(self) -> None:
        """Begin; returns once the broker answered, so that the first produce does not pay for the first contact.

        Raises LogUnavailable when it does not answer within the timeout.
        """
        self._loop = asyncio.get_running_loop()
        self._acknowledged.bind(self._loop)
        self._thread.start()
        try:
            await asyncio.to_thread(self._producer.list_topics, timeout=self._timeout_s)
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error}") from error

    def fire(
        self,
        topic: str,
        key: str,
        value: bytes,
        acknowledged: Acknowledged | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Produce without waiting. `acknowledged` runs on the loop, once, in the partition's order.

        Raises LogUnavailable when the bounded queue to the broker is full, RecordRefused for a record above its
        topic's limit, KeyError for a topic that is not in the catalogue; nothing was produced then.
        """
        limit = self._topics[topic].max_record_bytes
        if len(value) + 4 * len(key) + size_of(headers) + _BATCH_OVERHEAD_BYTES > limit:
            raise RecordRefused(f"a record of {len(value)} bytes is too large for {topic}, which takes {limit}")
        partition = self._topics.partition(topic, key)

        def delivered(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            self._acknowledged.add((acknowledged or _ignore, error, -1 if offset is None else offset))

        try:
            if headers is None:
                self._producer.produce(topic, value, key.encode(), partition, on_delivery=delivered)
            else:
                self._producer.produce(topic, value, key.encode(), partition, on_delivery=delivered, headers=headers)
        except BufferError:
            _queue_full()
            raise LogUnavailable("the queue to the broker is full") from None
        except KafkaException as error:
            raise log_error(error.args[0]) from error
        self.in_flight += 1
        if self._is_resting:
            self._work.set()

    async def send(self, topic: Topic[R], key: str, record: R, *, imported: str = "") -> Position:
        """Produce one record, its envelope in headers too, and wait for its acknowledgement; returns where it stands.

        `imported`: where the record comes from, for one that is history; agents pass over it.
        Raises LogUnavailable: it may or may not have been accepted; send it again with the same ids. RecordRefused,
        FatalLogError: it was not accepted and never will be, by this client.
        """
        assert self._loop is not None, "call start() first"  # noqa: S101 - a programming error
        future: asyncio.Future[int] = self._loop.create_future()

        def acknowledged(error: KafkaError | None, offset: int) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(offset)
            else:
                future.set_exception(log_error(error))

        headers = headers_of(record)
        if imported:
            headers = [*(headers or ()), (IMPORTED, imported.encode())]
        self.fire(topic, key, encode(record), acknowledged, headers)
        try:
            async with asyncio.timeout(self._timeout_s + 1):
                offset = await future
        except TimeoutError:
            raise LogUnavailable(f"{topic} did not acknowledge within {self._timeout_s:.0f} s") from None
        return self._topics.position(topic, self._topics.partition(topic, key), offset)

    async def flush(self, timeout_s: float) -> int:
        """Wait for what is in flight; returns how many records are still unacknowledged after `timeout_s`."""
        left = await asyncio.to_thread(self._producer.flush, timeout_s)
        self._acknowledged.drain()
        return left

    async def aclose(self, timeout_s: float = 5.0) -> int:
        """Flush and end. Returns how many records were never acknowledged."""
        left = await self.flush(timeout_s)
        self._closing.set()
        self._work.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 2.0)
        self._acknowledged.drain()
        return left

    def _poll(self) -> None:
        # Delivery reports run here, in this thread; they only append. One wake-up of the loop takes a whole burst.
        while not self._closing.is_set():
            if self._is_stuck.is_set():
                self._renew()
            served = self._producer.poll(_POLL_S)
            if self._retired:
                served += self._poll_retired()
            if not self._acknowledged.wake():
                return  # the loop is closed: no callback is left
            if not served and not self.in_flight:
                self._rest()

    def _renew(self) -> None:
        """Go on with a new client. What the old one still holds fails; what comes to it in this moment, a little later.

        Of a record whose failure was told it is not known whether it is in the log: that is so with every client.
        """
        self._is_stuck.clear()
        now_s = monotonic_s()
        if now_s - self._renewed_at_s < self._timeout_s:
            return
        _log.warning("nothing is acknowledged any more: going on with a new client", client=self._settings["client.id"])
        old, self._producer, self._renewed_at_s = self._producer, open_producer(self._settings), now_s
        old.purge()
        self._retired.append((old, now_s))

    def _poll_retired(self) -> int:
        """Until all that was given to them has been told of: that takes no longer than a record may."""
        served = sum(client.poll(0) for client, _ in self._retired)
        since_s = monotonic_s() - 2 * self._timeout_s
        self._retired = [(client, at_s) for client, at_s in self._retired if at_s > since_s]
        return served

    def _rest(self) -> None:
        """Until a record is produced or the producer closes: idle, it would wake up five times a second."""
        self._work.clear()
        # Before the looks: whoever produces counts the record, and then looks at this.
        self._is_resting = True
        if not self.in_flight and not self._closing.is_set() and not self._is_stuck.is_set():
            self._work.wait()
        self._is_resting = False

    def _taken(self, answers: deque[_Answer]) -> None:
        now_s = monotonic_s()
        while answers:
            acknowledged, error, offset = answers.popleft()
            self.in_flight -= 1
            if error is None:
                self._acknowledged_at_s = now_s
            elif error.code() == KafkaError._MSG_TIMED_OUT and now_s - self._acknowledged_at_s >= self._timeout_s:
                self._is_stuck.set()
                self._work.set()
            try:
                acknowledged(error, offset)
            except Exception as failure:  # one caller's mistake must not keep the others from their answers
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a produce callback raised", "exception": failure}
                )


def _ignore(error: KafkaError | None, offset: int) -> None:
    """For records whose loss is harmless (cancel notices)."""


def log_error(error: KafkaError) -> LogError:
    """What a failed delivery means to the one who produced."""
    if error.fatal():
        return FatalLogError(f"the producer was refused for good: {error.str()}")
    if error.code() in REFUSALS:
        return RecordRefused(f"not accepted: {error.str()}")
    return LogUnavailable(f"not acknowledged: {error.str()}")
