"""One suite for the api's ports, run on the fakes of its unit tests and on the real Kafka and Redis.

The projections' fake is held to the real ones in tests/conformance/test_api_reads.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from api.consistency.log_ends import KafkaEnds
from api.consistency.ports import CommandLog, LogEnds
from api.streaming.chunk_log import KafkaChunkLog
from api.streaming.ports import ChunkLog, LogRecord
from infra.ids import draw_id, draw_secret
from infra.redis import RedisScripts
from infra.settings import Settings
from schemas import ids
from schemas.codec import encode
from schemas.generation import TokenChunk, Turn
from tests.eventually import eventually
from tests.unit.api.memory_log import TOPICS as MEMORY_TOPICS
from tests.unit.api.memory_log import Attempt, MemoryLog
from tests.unit.api.turns import TURN
from topics.admin import create_topics
from topics.admins import Admins
from topics.catalogue import TOKEN_CHUNKS, Catalogue, catalogue
from topics.clients import open_admin
from topics.generation_fold import GenerationFold
from topics.producer import LogProducer


@dataclass
class LogUnderTest:
    log: CommandLog
    ends: LogEnds
    chunks: ChunkLog
    topics: Catalogue
    seen: list[LogRecord] = field(default_factory=list)

    def texts(self, conversation: str) -> list[str]:
        """The deltas of a conversation, as they were delivered."""
        records = [record for record in self.seen if record.key() == conversation.encode()]
        chunks = [TOKEN_CHUNKS.decode(record.value()) for record in records]
        return [str(chunk.delta) for chunk in chunks if isinstance(chunk, TokenChunk)]


@asynccontextmanager
async def memory_log() -> AsyncIterator[LogUnderTest]:
    log = MemoryLog()
    under_test = LogUnderTest(log, log, log, MEMORY_TOPICS)
    log.tail(TOKEN_CHUNKS, under_test.seen.extend)
    yield under_test


@asynccontextmanager
async def kafka_log(settings: Settings) -> AsyncIterator[LogUnderTest]:
    topics, properties = catalogue(), settings.kafka.client_properties()
    await asyncio.to_thread(create_topics, properties, topics)
    log, chunks = LogProducer(properties, topics), KafkaChunkLog(properties, topics)
    ends = KafkaEnds(Admins(partial(open_admin, properties)), topics)
    under_test = LogUnderTest(log, ends, chunks, topics)

    def see(records: Iterable[LogRecord]) -> None:
        under_test.seen.extend(records)

    await log.start()
    await chunks.start(see)
    try:
        yield under_test
    finally:
        await chunks.aclose()
        await log.aclose()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def open_log(request: pytest.FixtureRequest) -> Callable[[], AbstractAsyncContextManager[LogUnderTest]]:
    if request.param == "memory":
        return memory_log
    settings: Settings = request.getfixturevalue("servers")
    return lambda: kafka_log(settings)


def chunk(seq: int) -> TokenChunk:
    return TokenChunk("g", "a", seq, 1, 1, f"w{seq}")


async def test_the_newest_offset_is_that_of_the_last_record(
    open_log: Callable[[], AbstractAsyncContextManager[LogUnderTest]],
) -> None:
    async with open_log() as under_test:
        key = draw_id()
        at = [await under_test.log.send(TOKEN_CHUNKS, key, chunk(seq)) for seq in (1, 2)][-1]
        place = (TOKEN_CHUNKS, at.partition)
        assert await under_test.ends.newest(TOKEN_CHUNKS, key) == {place: at.offset}
        assert (await under_test.ends.newest(TOKEN_CHUNKS))[place] == at.offset


async def test_what_is_sent_arrives_in_order_where_it_was_said(
    open_log: Callable[[], AbstractAsyncContextManager[LogUnderTest]],
) -> None:
    conversation = draw_id()
    async with open_log() as under_test:
        partition = under_test.topics.partition(TOKEN_CHUNKS, conversation)
        before = under_test.chunks.position(partition)
        first = await under_test.log.send(TOKEN_CHUNKS, conversation, chunk(1))
        under_test.log.fire(TOKEN_CHUNKS, conversation, encode(chunk(2)))
        third = await under_test.log.send(TOKEN_CHUNKS, conversation, chunk(3))
        arrived: bool = await eventually(lambda: under_test.texts(conversation) == ["w1", "w2", "w3"])
        assert arrived
        assert (first.epoch, first.partition) == (0, partition)
        assert before <= first.offset < third.offset
        assert under_test.chunks.position(partition) > third.offset


async def test_looking_back_finds_one_generation_up_to_a_place(
    open_log: Callable[[], AbstractAsyncContextManager[LogUnderTest]],
) -> None:
    conversation = draw_id()
    async with open_log() as under_test:
        turn = turn_in(conversation)
        partition = under_test.topics.partition(TOKEN_CHUNKS, conversation)
        scratch = MemoryLog()
        Attempt(scratch, turn).start().chunk("a").chunk("b").end()
        records = [record for record, _ in scratch.all_of(TOKEN_CHUNKS)]
        places = [await under_test.log.send(TOKEN_CHUNKS, conversation, record) for record in records]
        other = TokenChunk("another", "a1", 1, 1, 1, "x")
        end = await under_test.log.send(TOKEN_CHUNKS, conversation, other)
        arrived: bool = await eventually(lambda: under_test.chunks.position(partition) > end.offset)
        assert arrived

        async def fold_until(stop: int) -> GenerationFold:
            return await under_test.chunks.fold(conversation, turn.generation_id, places[0], stop)

        assert (await fold_until(places[0].offset)).turn is None
        half = await fold_until(places[2].offset)
        assert (half.text, half.finished) == ("a", False)
        whole = await fold_until(end.offset + 1)
        assert (whole.text, whole.finished, whole.end_position) == ("ab", True, places[3])


def turn_in(conversation: str) -> Turn:
    return replace(TURN, generation_id=ids.generation_id(conversation), conversation_id=conversation)


@pytest.mark.stack
async def test_a_script_that_the_server_does_not_know_is_taught(servers: Settings) -> None:
    scripts = RedisScripts(servers.redis.url.get_secret_value(), timeout_s=5.0)
    try:
        assert await scripts.run(f"return ARGV[1] -- {draw_secret(9)}", [], ["said"]) == b"said"
    finally:
        await scripts.aclose()
