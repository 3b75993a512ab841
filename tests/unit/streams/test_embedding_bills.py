"""Metering bills embeddings as their settlement was charged, and settles what nobody else will."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from infra.clock import now_us
from schemas.admission import EmbeddingsSettled
from schemas.codec import encode
from schemas.envelope import Position
from schemas.price import Usage
from schemas.usage import EmbeddingsComputed
from streams.faust.handlers import Source
from streams.metering import embeddings
from streams.metering.agent import Metering
from streams.metering.embeddings import EmbeddingBills
from tests.eventually import eventually
from tests.unit.topics.admission.test_account import ACCOUNT, budget
from tests.unit.topics.admission.test_embeddings import HELD_US, asked, settled
from topics.admission.account import Account
from topics.admission.book import Book
from topics.catalogue import ADMISSIONS, GENERATION_OUTCOMES, USAGE_RECORDS, catalogue
from topics.errors import LogUnavailable

TOPICS = catalogue()


@dataclass(frozen=True, slots=True)
class Read:
    at_offset: int
    bytes_: bytes
    at_ms: int

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at_offset

    def value(self) -> bytes:
        return self.bytes_

    def timestamp(self) -> tuple[int, int]:
        return 2, self.at_ms


class Ground:
    """A book, a log in memory that it reads, and metering on both. `down`: sends that fail before one works."""

    def __init__(self) -> None:
        self.book = Book(TOPICS)
        self.bills: list[EmbeddingsComputed] = []
        self.admissions: list[Any] = []
        self.down = 0
        self.metering = EmbeddingBills(cast(Any, self), self.book)
        self.agent = Metering(cast(Any, self), TOPICS[GENERATION_OUTCOMES], None, self.metering)

    async def send(self, topic: str, key: str, record: Any) -> Position:
        if self.down:
            self.down -= 1
            raise LogUnavailable("down")
        if topic == USAGE_RECORDS:
            assert key == record.user_id
            self.bills.append(record)
            return Position(0, 0, len(self.bills) - 1)
        assert topic == ADMISSIONS
        return self.append(record)

    def append(self, record: Any, *, ago_us: int = 0) -> Position:
        made_us = now_us() - ago_us
        self.admissions.append(replace(record, envelope=replace(record.envelope, occurred_at_us=made_us)))
        offset = len(self.admissions) - 1
        self.book.on_batch([Read(offset, encode(self.admissions[-1]), made_us // 1000)])
        return Position(0, 0, offset)

    async def handled(self, at: Position) -> None:
        source = Source(ADMISSIONS, at.partition, at.offset, 0, None, False, lambda: None)
        await self.agent.handle(self.admissions[at.offset], source)

    @property
    def account(self) -> Account:
        found = self.book.account(ACCOUNT)
        assert found is not None
        return found


@pytest.fixture
def ground() -> Ground:
    made = Ground()
    made.append(budget(100), ago_us=3 * HELD_US)
    return made


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(embeddings, "LOOK_EVERY_S", 0.01)
    yield
    patch.undo()


async def test_a_settlement_is_billed_as_it_was_charged(ground: Ground) -> None:
    ground.append(asked("a", 30))
    at = ground.append(settled("a", 42))
    await ground.handled(at)
    (made,) = ground.bills
    assert (made.usage, made.embedding_id) == (Usage(30, 0), "a")
    assert made.cost_micros == ground.account.settled["a"].cost_micros
    await ground.handled(at)
    assert ground.bills == [made, made], "a repeat is the same record"


async def test_what_does_not_count_is_not_billed(ground: Ground) -> None:
    ground.append(asked("a", 30))
    await ground.handled(ground.append(settled("a", None)))
    await ground.handled(ground.append(settled("a", 20)))
    await ground.handled(ground.append(settled("never asked", 20)))
    ground.append(asked("try 1", 10, embedding="e"))
    ground.append(asked("try 2", 10, embedding="e"))
    first, second = (ground.append(settled(name, 10, embedding="e")) for name in ("try 1", "try 2"))
    await ground.handled(second)
    assert not ground.bills
    await ground.handled(first)
    assert len(ground.bills) == 1


async def test_a_bill_waits_for_a_log_that_is_away(ground: Ground) -> None:
    ground.append(asked("a", 30))
    at = ground.append(settled("a", 20))
    ground.down = 1
    with pytest.raises(LogUnavailable):
        await ground.handled(at)
    await ground.handled(at)
    assert len(ground.bills) == 1


async def test_what_nobody_settled_in_its_time_is_settled_as_unused(ground: Ground) -> None:
    ground.append(asked("old", 30), ago_us=2 * HELD_US)
    ground.append(asked("new", 30))
    ground.down = 2
    assert set(ground.account.leases) == {"old", "new"}
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(ground.metering.run())
        await eventually(lambda: "old" not in ground.account.leases)
        looking.cancel()
    ended = [record for record in ground.admissions if isinstance(record, EmbeddingsSettled)]
    assert [(record.lease_id, record.used) for record in ended] == [("old", False)]
    assert set(ground.account.leases) == {"new"}
    await ground.handled(ground.append(settled("old", 30)))
    assert not ground.bills, "what comes after that is void"
