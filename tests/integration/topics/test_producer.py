"""The producer against a real broker: places, order, acknowledgements, refusals, outages."""

from __future__ import annotations

import asyncio
import time

import pytest
from confluent_kafka import KafkaError

from schemas.codec import decode
from schemas.control import CancelRequested
from schemas.envelope import Position
from tests.eventually import eventually
from tests.generation_logs import envelope
from tests.integration.topics.writing import RECORD, CancelNotices, catalogue_of, producing
from topics.catalogue import Catalogue
from topics.errors import LogUnavailable, RecordRefused
from topics.headers import headers_of
from topics.producer import LogProducer
from topics.scan import scan
from topics.spec import DAY_MS, TopicSpec
from topics.topic import Topic

pytestmark = pytest.mark.stack


async def test_send_answers_where_the_record_stands(kafka: dict[str, str], topic: CancelNotices) -> None:
    topics = catalogue_of(topic, seams=(1,))
    async with producing(kafka, topics) as log:
        placed = [(key, await log.send(topic, key, RECORD)) for key in ["a", "b", "a", "c", "ä🦉", "a"]]
    offsets = {0: 0, 1: 0}
    for key, position in placed:
        assert position == Position(1, 1, offsets[1])
        offsets[position.partition] += 1
        message = next(scan(kafka, topic, position.partition, position.offset, position.offset + 1))
        assert (message.key(), decode(message.value())) == (key.encode(), RECORD)
        assert message.headers() == headers_of(RECORD)


async def test_many_at_once_keep_their_order_and_every_acknowledgement_comes_once(
    kafka: dict[str, str], topic: CancelNotices
) -> None:
    topics, told = catalogue_of(topic), []
    async with producing(kafka, topics, linger_ms=1) as log:
        for n in range(3000):
            key = f"key-{n % 7}"
            place = topics.partition(topic, key)
            log.fire(topic, key, b"%d" % n, lambda error, offset, n=n, p=place: told.append((n, p, error, offset)))  # type: ignore[misc]  # mypy infers no lambda with defaults
        assert log.in_flight == 3000
        await eventually(lambda: log.in_flight == 0)
    assert sorted(n for n, *_ in told) == list(range(3000))
    for partition in (0, 1):
        mine = [(n, offset) for n, place, error, offset in told if place == partition and error is None]
        assert mine == sorted(mine)
        assert [offset for _, offset in mine] == list(range(len(mine)))
        written = [message.value() for message in scan(kafka, topic, partition, 0, len(mine))]
        assert written == [b"%d" % n for n, _ in mine]


async def test_a_callback_that_fails_is_reported_and_hinders_nobody(
    kafka: dict[str, str], topic: CancelNotices
) -> None:
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
    kafka: dict[str, str], topic: CancelNotices
) -> None:
    async with producing(kafka, catalogue_of(topic)) as log:
        with pytest.raises(RecordRefused, match="too large"):
            log.fire(topic, "a", b"x" * 2**20)
        largest = 2**20 - 256 - 4
        done: asyncio.Future[KafkaError | None] = asyncio.get_running_loop().create_future()
        log.fire(topic, "a", b"x" * largest, lambda error, offset: done.set_result(error))
        assert await done is None, "the largest record the check lets through is one the broker takes"
        assert log.in_flight == 0


async def test_what_the_broker_refuses_is_no_outage(kafka: dict[str, str], topic: CancelNotices) -> None:
    # Another catalogue than the broker's: the check lets it through, the broker does not.
    generous = Catalogue({topic: TopicSpec(topic, "key", (), 2, DAY_MS, "tests", 8 * 2**20)})
    async with producing(kafka, generous) as log:
        refused = CancelRequested(envelope(), "g", "c", "x" * 2 * 2**20)
        with pytest.raises(RecordRefused):
            await log.send(topic, "a", refused)
        assert (await log.send(topic, "a", RECORD)).offset == 0


async def test_a_topic_that_is_not_in_the_catalogue_is_a_key_error(kafka: dict[str, str], topic: CancelNotices) -> None:
    async with producing(kafka, catalogue_of(topic)) as log:
        with pytest.raises(KeyError):
            log.fire("elsewhere", "a", b"1")


async def test_an_absent_broker_is_unavailable_within_the_timeout(away: dict[str, str]) -> None:
    log = LogProducer(away, catalogue_of("t"), timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="does not answer"):
        await log.start()
    with pytest.raises(LogUnavailable, match=r"not acknowledged|did not acknowledge"):
        await log.send(Topic("t", CancelRequested), "a", RECORD)
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


async def test_a_send_that_is_given_up_does_not_disturb_the_others(kafka: dict[str, str], topic: CancelNotices) -> None:
    async with producing(kafka, catalogue_of(topic), linger_ms=100) as log:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await log.send(topic, "a", RECORD)
        assert (await log.send(topic, "a", RECORD)).offset == 1
