"""Producer, tail, scan and group consumer against a real broker."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.ids import draw_id
from infra.settings import Settings
from schemas.codec import decode, encode
from schemas.control import CancelRequested
from schemas.envelope import Position
from schemas.generation import GenerationRecord
from tests.eventually import eventually, eventually_sync
from tests.generation_logs import chunk, ended, envelope, started, stopped
from topics.admin import create_topics
from topics.catalogue import Catalogue
from topics.consumer import assigned_consumer, group_consumer, next_batch
from topics.errors import FatalLogError, LogUnavailable, OutOfRange, RecordRefused
from topics.headers import headers_of
from topics.producer import LogProducer
from topics.scan import fold_generation, scan, watermarks
from topics.spec import DAY_MS, TopicSpec
from topics.tail import Tail

pytestmark = pytest.mark.stack


@pytest.fixture
def kafka(servers: Settings) -> dict[str, str]:
    return servers.kafka.client_properties()


@pytest.fixture
def topic(kafka: dict[str, str]) -> Iterator[str]:
    """A topic of its own with two partitions."""
    name = f"test-{draw_id()}"
    create_topics(kafka, catalogue_of(name))
    admin = AdminClient({**kafka})
    eventually_sync(lambda: name in admin.list_topics(timeout=10).topics)
    yield name
    admin.delete_topics([name])[name].result(10)


@pytest.fixture
def away() -> dict[str, str]:
    """Properties of a broker that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"bootstrap.servers": f"127.0.0.1:{probe.getsockname()[1]}", "log_level": "0"}


def catalogue_of(name: str, epoch: int = 0) -> Catalogue:
    return Catalogue({name: TopicSpec(name, "key", (), 2, DAY_MS, "tests", epoch=epoch)})


@asynccontextmanager
async def producing(kafka: dict[str, str], topics: Catalogue, **options: Any) -> AsyncIterator[LogProducer]:
    log = LogProducer(kafka, topics, **options)
    await log.start()
    try:
        yield log
    finally:
        assert await log.aclose() == 0


class Seen:
    """What a tail delivered, and how."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.batches: list[int] = []

    def __call__(self, batch: list[Message]) -> None:
        self.batches.append(len(batch))
        self.messages += batch

    def values(self, partition: int | None = None) -> list[bytes | str | None]:
        return [message.value() for message in self.messages if partition in (None, message.partition())]


@asynccontextmanager
async def tailing(kafka: dict[str, str], topic: str, seen: Any, **options: Any) -> AsyncIterator[Tail]:
    tail = Tail(kafka, topic, seen)
    await tail.start([0, 1], **options)
    try:
        yield tail
    finally:
        await tail.aclose()


def keys_of(topics: Catalogue, topic: str, partition: int, count: int) -> list[str]:
    candidates = (f"key-{n}" for n in range(10_000))
    return [key for key in candidates if topics.partition(topic, key) == partition][:count]


RECORD = CancelRequested(envelope(), "g", "c", "cancelled")


# -- producing --------------------------------------------------------------------------------------------------------


async def test_send_answers_where_the_record_stands(kafka: dict[str, str], topic: str) -> None:
    topics = catalogue_of(topic, epoch=3)
    async with producing(kafka, topics) as log:
        placed = [(key, await log.send(topic, key, RECORD)) for key in ["a", "b", "a", "c", "ä🦉", "a"]]
    offsets = {0: 0, 1: 0}
    for key, position in placed:
        assert position == Position(3, topics.partition(topic, key), offsets[position.partition])
        offsets[position.partition] += 1
        message = next(scan(kafka, topic, position.partition, position.offset, position.offset + 1))
        assert (message.key(), decode(message.value())) == (key.encode(), RECORD)
        assert message.headers() == headers_of(RECORD)


async def test_many_at_once_keep_their_order_and_every_acknowledgement_comes_once(
    kafka: dict[str, str], topic: str
) -> None:
    topics, told = catalogue_of(topic), []
    async with producing(kafka, topics, linger_ms=1) as log:
        for n in range(3000):
            key = f"key-{n % 7}"
            place = topics.partition(topic, key)
            log.fire(topic, key, b"%d" % n, lambda error, offset, n=n, p=place: told.append((n, p, error, offset)))  # type: ignore[misc]
        assert log.in_flight == 3000
        await eventually(lambda: log.in_flight == 0)
    assert sorted(n for n, *_ in told) == list(range(3000))
    for partition in (0, 1):
        mine = [(n, offset) for n, place, error, offset in told if place == partition and error is None]
        assert mine == sorted(mine)
        assert [offset for _, offset in mine] == list(range(len(mine)))
        written = [message.value() for message in scan(kafka, topic, partition, 0, len(mine))]
        assert written == [b"%d" % n for n, _ in mine]


async def test_a_callback_that_fails_is_reported_and_hinders_nobody(kafka: dict[str, str], topic: str) -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    told: list[int] = []

    def failing(error: KafkaError | None, offset: int) -> None:
        raise LookupError(offset)

    async with producing(kafka, catalogue_of(topic), linger_ms=50) as log:
        log.fire(topic, "a", b"1", failing)
        log.fire(topic, "a", b"2", lambda error, offset: told.append(offset))
        await eventually(lambda: told == [1])
    assert [type(error) for error in reported] == [LookupError]


async def test_a_record_above_its_topics_limit_is_refused_and_nothing_is_produced(
    kafka: dict[str, str], topic: str
) -> None:
    async with producing(kafka, catalogue_of(topic)) as log:
        with pytest.raises(RecordRefused, match="too large"):
            log.fire(topic, "a", b"x" * 2**20)
        largest = 2**20 - 256 - 4
        done: asyncio.Future[KafkaError | None] = asyncio.get_running_loop().create_future()
        log.fire(topic, "a", b"x" * largest, lambda error, offset: done.set_result(error))
        assert await done is None, "the largest record the check lets through is one the broker takes"
        assert log.in_flight == 0


async def test_what_the_broker_refuses_is_no_outage(kafka: dict[str, str], topic: str) -> None:
    # Another catalogue than the broker's: the check lets it through, the broker does not.
    generous = Catalogue({topic: TopicSpec(topic, "key", (), 2, DAY_MS, "tests", 8 * 2**20)})
    async with producing(kafka, generous) as log:
        refused = CancelRequested(envelope(), "g", "c", "x" * 2 * 2**20)
        with pytest.raises(RecordRefused):
            await log.send(topic, "a", refused)
        assert (await log.send(topic, "a", RECORD)).offset == 0


async def test_a_topic_that_is_not_in_the_catalogue_is_a_key_error(kafka: dict[str, str], topic: str) -> None:
    async with producing(kafka, catalogue_of(topic)) as log:
        with pytest.raises(KeyError):
            log.fire("elsewhere", "a", b"1")


async def test_an_absent_broker_is_unavailable_within_the_timeout(away: dict[str, str]) -> None:
    log = LogProducer(away, catalogue_of("t"), timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="does not answer"):
        await log.start()
    with pytest.raises(LogUnavailable, match=r"not acknowledged|did not acknowledge"):
        await log.send("t", "a", RECORD)
    assert time.monotonic() - began < 6
    assert await log.aclose(0.1) == 0


async def test_the_queue_is_bounded(away: dict[str, str]) -> None:
    log = LogProducer(away, catalogue_of("t"), timeout_s=30, max_queued=10)
    for _ in range(10):
        log.fire("t", "a", b"1")
    with pytest.raises(LogUnavailable, match="full"):
        log.fire("t", "a", b"1")
    assert log.in_flight == 10
    assert await log.aclose(0.1) == 10


async def test_a_send_that_is_given_up_does_not_disturb_the_others(kafka: dict[str, str], topic: str) -> None:
    async with producing(kafka, catalogue_of(topic), linger_ms=100) as log:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await log.send(topic, "a", RECORD)
        assert (await log.send(topic, "a", RECORD)).offset == 1


# -- tailing ----------------------------------------------------------------------------------------------------------


async def test_a_tail_sees_everything_appended_after_it_started_in_order(kafka: dict[str, str], topic: str) -> None:
    topics, seen = catalogue_of(topic), Seen()
    async with producing(kafka, topics) as log:
        for key in keys_of(topics, topic, 0, 5) + keys_of(topics, topic, 1, 3):
            await log.send(topic, key, RECORD)
        tail = Tail(kafka, topic, seen)
        assert await tail.start([0, 1]) == {0: 5, 1: 3}
        assert (tail.position(0), tail.position(1)) == (5, 3)
        for n in range(1000):
            log.fire(topic, f"key-{n % 11}", b"%d" % n)
        await eventually(lambda: len(seen.messages) == 1000)
        for partition in (0, 1):
            mine = [n for n in range(1000) if topics.partition(topic, f"key-{n % 11}") == partition]
            assert seen.values(partition) == [b"%d" % n for n in mine]
            assert tail.position(partition) == (5, 3)[partition] + len(mine)
        await tail.aclose()


async def test_a_tail_begins_where_it_is_told_to(kafka: dict[str, str], topic: str) -> None:
    topics, seen = catalogue_of(topic), Seen()
    key = keys_of(topics, topic, 1, 1)[0]
    async with producing(kafka, topics) as log:
        for n in range(4):
            log.fire(topic, key, b"%d" % n)
        await log.flush(5)
        async with tailing(kafka, topic, seen, from_offsets={1: 2}) as tail:
            await eventually(lambda: seen.values() == [b"2", b"3"])
            assert (tail.position(0), tail.position(1)) == (0, 4)
            with pytest.raises(KeyError):
                tail.position(7)


async def test_a_position_is_a_lower_bound_of_what_comes_next(kafka: dict[str, str], topic: str) -> None:
    topics, seen = catalogue_of(topic), Seen()
    async with producing(kafka, topics) as log, tailing(kafka, topic, seen) as tail:
        for _ in range(50):
            noted = tail.position(topics.partition(topic, "a"))
            assert (await log.send(topic, "a", RECORD)).offset >= noted


async def test_a_busy_loop_gets_its_records_in_few_batches_and_loses_none(kafka: dict[str, str], topic: str) -> None:
    topics, seen = catalogue_of(topic), Seen()
    async with producing(kafka, topics) as log, tailing(kafka, topic, seen):
        await log.send(topic, "a", RECORD)
        await eventually(lambda: len(seen.messages) == 1)
        other = Producer({**kafka})
        partition = topics.partition(topic, "a")
        for n in range(20_000):
            other.produce(topic, b"%d" % n, partition=partition)
        # The loop stands still meanwhile: at most three batches wait for it, the rest stays with the broker.
        assert other.flush(30) == 0
        await eventually(lambda: len(seen.messages) == 20_001, timeout_s=30)
    assert seen.values(partition)[1:] == [b"%d" % n for n in range(20_000)]
    assert max(seen.batches) <= 2000


async def test_an_error_in_the_reader_ends_the_tail_and_is_told(kafka: dict[str, str], topic: str) -> None:
    def failing(batch: list[Message]) -> None:
        raise LookupError("reader")

    async with producing(kafka, catalogue_of(topic)) as log, tailing(kafka, topic, failing) as tail:
        await log.send(topic, "a", RECORD)
        with pytest.raises(LookupError, match="reader"):
            async with asyncio.timeout(10):
                await tail.failed()


async def test_a_tail_outside_the_log_ends_with_an_error(kafka: dict[str, str], topic: str) -> None:
    async with tailing(kafka, topic, Seen(), from_offsets={0: 500}) as tail:
        with pytest.raises(FatalLogError):
            async with asyncio.timeout(10):
                await tail.failed()


async def test_a_tail_without_a_broker_is_unavailable(away: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topics.tail._CONTACT_S", 0.5)
    tail = Tail(away, "t", Seen())
    with pytest.raises(LogUnavailable):
        await tail.start([0])
    await tail.aclose()


# -- scanning ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def ten(kafka: dict[str, str], topic: str) -> str:
    """The topic, with records 0 to 9 in partition 0."""
    topics = catalogue_of(topic)
    key = keys_of(topics, topic, 0, 1)[0]
    async with producing(kafka, topics) as log:
        for n in range(10):
            log.fire(topic, key, b"%d" % n)
    return topic


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, 1), (9, 10), (3, 7), (4, 4), (7, 3), (10, 10)])
async def test_a_scan_gives_its_span(kafka: dict[str, str], ten: str, start: int, stop: int) -> None:
    found = await asyncio.to_thread(lambda: [message.value() for message in scan(kafka, ten, 0, start, stop)])
    assert found == [b"%d" % n for n in range(start, stop)]


async def test_a_scan_may_be_left_early(kafka: dict[str, str], ten: str) -> None:
    spans = scan(kafka, ten, 0, 2, 9)
    assert next(spans).offset() == 2
    spans.close()  # type: ignore[attr-defined]
    assert list(spans) == []


@pytest.mark.parametrize(("start", "stop", "asked"), [(0, 11, 10), (10, 12, 11), (-1, 3, -1)])
async def test_a_span_the_log_does_not_hold_is_out_of_range(
    kafka: dict[str, str], ten: str, start: int, stop: int, asked: int
) -> None:
    with pytest.raises(OutOfRange, match=rf"holds offsets 0 to 9, {asked} was asked for") as caught:
        list(scan(kafka, ten, 0, start, stop))
    assert (caught.value.low, caught.value.high) == (0, 10)


async def test_records_that_were_deleted_are_out_of_range(kafka: dict[str, str], ten: str) -> None:
    admin = AdminClient({**kafka})
    deleted = admin.delete_records([TopicPartition(ten, 0, 4)])
    for future in deleted.values():
        future.result(10)
    assert await asyncio.to_thread(watermarks, kafka, ten, 0) == (4, 10)
    with pytest.raises(OutOfRange, match="holds offsets 4 to 9, 3 was asked for"):
        list(scan(kafka, ten, 0, 3, 10))
    assert len(list(scan(kafka, ten, 0, 4, 10))) == 6


class DeletedMeanwhile:
    """A consumer whose partition loses its first four records just before the first fetch."""

    def __init__(self, properties: dict[str, str]) -> None:
        self._consumer = assigned_consumer(properties)
        self._admin = AdminClient({**properties})

    def assign(self, places: list[TopicPartition]) -> None:
        deleted = self._admin.delete_records([TopicPartition(places[0].topic, places[0].partition, 4)])
        for future in deleted.values():
            future.result(10)
        self._consumer.assign(places)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


async def test_records_deleted_while_they_are_scanned_are_out_of_range(
    kafka: dict[str, str], ten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topics.scan.assigned_consumer", DeletedMeanwhile)
    with pytest.raises(OutOfRange, match="holds offsets 4 to 9, 0 was asked for"):
        list(scan(kafka, ten, 0, 0, 10))


async def test_an_absent_broker_cannot_be_scanned(away: dict[str, str]) -> None:
    with pytest.raises(LogUnavailable):
        list(scan(away, "t", 0, 0, 1, timeout_s=0.5))
    with pytest.raises(LogUnavailable):
        watermarks(away, "t", 0, timeout_s=0.5)


async def test_one_generation_is_folded_from_among_others_and_damage(kafka: dict[str, str], topic: str) -> None:
    topics = catalogue_of(topic)
    mine, neighbour = keys_of(topics, topic, 0, 2)
    log: list[GenerationRecord] = [
        started("a"),
        chunk("a", 1),
        started("b", 2),
        chunk("a", 2),
        chunk("b", 2),
        ended("b", 2, "<a1><b2>"),
        stopped(),
    ]
    async with producing(kafka, topics) as producer:
        producer.fire(topic, mine, b"before")
        for record in log:
            producer.fire(topic, mine, encode(record))
            producer.fire(topic, mine, b"damage")
            producer.fire(topic, neighbour, encode(chunk("a", 1, "of somebody else's")))
            producer.fire(topic, mine, encode(RECORD))
    end = (await asyncio.to_thread(watermarks, kafka, topic, 0))[1]
    fold = await asyncio.to_thread(fold_generation, kafka, topic, mine, "generation", Position(5, 0, 1), end)
    assert (fold.text, fold.number, fold.end) == ("<a1><b2>", 2, log[5])
    assert fold.end_position == Position(5, 0, 1 + 5 * 4)
    nothing = await asyncio.to_thread(fold_generation, kafka, topic, mine, "another", Position(5, 0, 0), end)
    assert (nothing.turn, nothing.text) == (None, "")


# -- groups and batches -----------------------------------------------------------------------------------------------


def drained(consumer: Consumer, count: int, most: int = 3) -> list[Message]:
    found: list[Message] = []

    def enough() -> bool:
        batch = next_batch(consumer, most, 0.5)
        assert len(batch) <= most
        found.extend(batch)
        return len(found) >= count

    eventually_sync(enough, 30)
    return found


async def test_a_group_goes_on_where_it_committed(kafka: dict[str, str], ten: str) -> None:
    group = f"test-{draw_id()}"

    def member() -> Consumer:
        consumer = group_consumer(kafka, group, "1")
        consumer.subscribe([ten])
        return consumer

    def run() -> None:
        first = member()
        seen = drained(first, 10)
        assert [message.value() for message in seen] == [b"%d" % n for n in range(10)]
        first.commit(offsets=[TopicPartition(ten, 0, 6)], asynchronous=False)
        first.close()
        second = member()  # the same static member: it has its partitions back at once
        assert [message.value() for message in drained(second, 4)] == [b"%d" % n for n in range(6, 10)]
        second.close()

    await asyncio.to_thread(run)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("most", [1, 3, 100])
async def test_a_batch_holds_no_more_than_asked_for(kafka: dict[str, str], ten: str, lazy: bool, most: int) -> None:
    def run() -> list[bytes | str | None]:
        consumer = assigned_consumer(kafka, lazy=lazy)
        consumer.assign([TopicPartition(ten, 0, 0)])
        try:
            return [message.value() for message in drained(consumer, 10, most)]
        finally:
            consumer.close()

    assert await asyncio.to_thread(run) == [b"%d" % n for n in range(10)]


async def test_nothing_comes_after_the_wait(kafka: dict[str, str], topic: str) -> None:
    consumer = assigned_consumer(kafka)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert await asyncio.to_thread(next_batch, consumer, 5, 0.05) == []
    consumer.close()


async def test_an_absent_broker_is_waited_for(away: dict[str, str]) -> None:
    consumer = assigned_consumer(away)
    consumer.assign([TopicPartition("t", 0, 0)])
    for _ in range(3):
        assert await asyncio.to_thread(next_batch, consumer, 5, 0.2) == []
    consumer.close()


async def test_a_session_the_broker_does_not_allow_is_fatal(kafka: dict[str, str], topic: str) -> None:
    too_short = {**kafka, "session.timeout.ms": "10", "heartbeat.interval.ms": "1"}
    consumer = group_consumer(too_short, f"test-{draw_id()}", "1")
    consumer.subscribe([topic])

    def until_it_fails() -> None:
        with pytest.raises(FatalLogError, match="session"):
            for _ in range(20):
                next_batch(consumer, 5, 0.5)

    await asyncio.to_thread(until_it_fails)
    consumer.close()
