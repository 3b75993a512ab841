"""Sums of usage are those of the log, whatever the processes that count them go through."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.counting import Counting, Placed
from projections.registry import newest
from projections.replay.counts import LocalCounts
from projections.rows import RowChange
from projections.usage_rollups.entries import bucket
from projections.usage_rollups.table import USAGE_SUMS
from schemas import ids
from schemas.envelope import Position
from schemas.price import Attribution, Usage
from schemas.turns import TITLES
from schemas.usage import EmbeddingsComputed, UsageEntry, UsageRecorded, UsageRerated
from tests.fakes.counted_rows import MemoryStates, counting_of, watermark
from tests.fakes.projection_records import AT, NEW_PRICE, PRICE, envelope
from tests.fakes.row_store import MemoryRowStore
from topics.catalogue import USAGE_RECORDS

ROLLUPS = newest("usage_rollups")
HOUR_US = 3_600_000_000
ACME = Attribution(account="acme", organisation_id="acme", key_id="key-1", tier="plus")


class Died(Exception):
    """The process was killed."""


def bill(generation: str, user: str = "ada", at_us: int = AT, cost: int = 10, **others: Any) -> UsageRecorded:
    fields: dict[str, Any] = {
        "envelope": envelope(generation, at_us),
        "user_id": user,
        "conversation_id": "conv-1",
        "generation_id": generation,
        "model": "local",
        "outcome_type": "GenerationCompleted",
        "usage": Usage(5, 7, 2, 1),
        "price_version": PRICE.version,
        "currency": PRICE.currency,
        "cost_micros": cost,
        "outcome": Position(0, 0, 0),
        "ended_at_us": at_us,
    }
    return UsageRecorded(**fields | others)


def again(of: UsageRecorded, cost: int, backfill: str = "dearer") -> UsageRerated:
    """Another price for it."""
    return UsageRerated(
        envelope=envelope(f"{of.generation_id} {backfill} {cost}", of.ended_at_us),
        user_id=of.user_id,
        conversation_id=of.conversation_id,
        generation_id=of.generation_id,
        model=of.model,
        usage=of.usage,
        price_version=backfill,
        currency=of.currency,
        cost_micros=cost,
        superseded_price_version=of.price_version,
        superseded_cost_micros=of.cost_micros,
        outcome=of.outcome,
        ended_at_us=of.ended_at_us,
        backfill=backfill,
        attribution=of.attribution,
    )


def computed(key: str, user: str = "ada", at_us: int = AT) -> EmbeddingsComputed:
    return EmbeddingsComputed(
        envelope=envelope(f"{key} {at_us}", at_us),
        user_id=user,
        embedding_id=ids.embedding_id(user, key),
        model="static",
        model_version="static-1",
        texts=1,
        dimensions=2,
        usage=Usage(9, 0, estimated=True),
        price=NEW_PRICE,
        cost_micros=4,
    )


def placed(records: list[UsageEntry], partition: int = 0) -> list[Placed]:
    return [(record, Position(0, partition, offset)) for offset, record in enumerate(records)]


def told(scope: str, period: str, rows: dict[tuple[Any, ...], Any]) -> Counter[tuple[Any, ...]]:
    """What readers make of the rows of a scope: added up by bucket, model and currency."""
    sums: Counter[tuple[Any, ...]] = Counter()
    for key, cells in rows.items():
        if key[:2] == (scope, period):
            for name, value in cells.items():
                if name != "counted":
                    sums[key[3], key[7], key[9], name] += value
    return sums


def _naively(log: list[Placed], period: Any) -> Counter[tuple[Any, ...]]:
    """The same from the definition: the first record of each bill, at its last price."""
    first: dict[str, UsageRecorded | EmbeddingsComputed] = {}
    last_price: dict[str, int] = {}
    for record, _ in log:
        if isinstance(record, UsageRerated):
            last_price[record.generation_id] = record.cost_micros
        elif isinstance(record, EmbeddingsComputed):
            first.setdefault(record.embedding_id, record)
        elif record.price_version != TITLES:
            first.setdefault(record.generation_id, record)
    sums: Counter[tuple[Any, ...]] = Counter()
    for bill_id, record in first.items():
        is_embedding = isinstance(record, EmbeddingsComputed)
        at_us = record.envelope.occurred_at_us if isinstance(record, EmbeddingsComputed) else record.ended_at_us
        currency = record.price.currency if isinstance(record, EmbeddingsComputed) else record.currency
        for name, value in {
            "requests": 1,
            "embeddings": int(is_embedding),
            "estimated": int(record.usage.estimated),
            "prompt_tokens": record.usage.prompt_tokens,
            "completion_tokens": record.usage.completion_tokens,
            "cached_tokens": record.usage.cached_tokens,
            "reasoning_tokens": record.usage.reasoning_tokens,
            "unbilled_tokens": 0 if isinstance(record, EmbeddingsComputed) else record.unbilled_tokens,
            "billed_micros": record.cost_micros,
            "rated_micros": last_price.get(bill_id, record.cost_micros),
        }.items():
            sums[bucket(at_us, period), record.model, currency, name] += value
    return sums


@st.composite
def histories(draw: st.DrawFn) -> list[Placed]:
    """Bills of several users, hours, models and keys; repeated, re-rated (also before they come), unbilled."""
    bills = [
        bill(
            f"generation-{n}",
            user=draw(st.sampled_from(("ada", "bob"))),
            at_us=AT + draw(st.integers(0, 60)) * HOUR_US,
            cost=draw(st.integers(0, 30)),
            model=draw(st.sampled_from(("local", "large"))),
            currency=draw(st.sampled_from(("USD", "EUR"))),
            attribution=draw(st.sampled_from((None, ACME, replace(ACME, key_id="key-2", tier="free")))),
            price_version=draw(st.sampled_from((PRICE.version, PRICE.version, PRICE.version, TITLES))),
            unbilled_tokens=draw(st.integers(0, 2)),
        )
        for n in range(draw(st.integers(1, 6)))
    ]
    more: list[UsageEntry] = [
        draw(
            st.one_of(
                st.sampled_from(bills),
                st.builds(
                    again,
                    st.sampled_from([b for b in bills if b.price_version != TITLES] or [bill("none")]),
                    st.integers(0, 40),
                ),
                st.builds(computed, st.sampled_from(("one", "two")), at_us=st.sampled_from((AT, AT + HOUR_US))),
            )
        )
        for _ in range(draw(st.integers(0, 10)))
    ]
    return placed(draw(st.permutations([*bills, *more])))


def folded(log: list[Placed]) -> list[RowChange]:
    """What a replay comes to, counted record by record."""
    counts = LocalCounts()
    for one in log:
        counts.count([one])
    return list(counts.rows())


def of_replay(log: list[Placed]) -> MemoryRowStore:
    store = MemoryRowStore("")
    for row in folded(log):
        store.apply(1, row)
    return store


@settings(max_examples=60)
@given(histories())
def test_the_sums_are_those_of_first_records_at_their_last_prices(log: list[Placed]) -> None:
    rows = of_replay(log).rows().get("usage_sums_v1", {})
    for period in ("hour", "day", "month"):
        total = _naively(log, period)
        assert +told("total", period, rows) == +total
        everyone = Counter[tuple[Any, ...]]()
        for user in ("ada", "bob"):
            everyone += told(f"user:{user}", period, rows)
        assert everyone == +total
        if period != "hour":
            assert +told("everyone", period, rows) == +total


@dataclass
class Process:
    """One that counts a partition from some place on, and may be killed."""

    counting: Counting
    store: MemoryRowStore
    at: int
    rows_left: int | None = None
    """How many rows it writes before it is killed; of those written together any part may be there."""

    async def write(self, changes: list[tuple[int, RowChange]]) -> None:
        if self.rows_left is not None:
            changes = changes[: self.rows_left]
            self.rows_left -= len(changes)
        for version, change in changes:
            self.store.apply(version, change)
        if self.rows_left == 0:
            raise Died

    async def take(self, log: list[Placed], most: int) -> None:
        records = log[self.at : self.at + most]
        if records:
            await self.counting.count(ROLLUPS, USAGE_RECORDS, records, self.write)
            self.at += len(records)


@settings(max_examples=60)
@given(histories(), st.data())
def test_kills_repeats_and_processes_that_lost_their_partition_leave_the_rows_of_a_replay(
    log: list[Placed], data: st.DataObject
) -> None:
    asyncio.run(_goes_through_much(log, data))


async def _goes_through_much(log: list[Placed], data: st.DataObject) -> None:
    store = MemoryRowStore("")
    states = MemoryStates(store)
    processes = [Process(counting_of(states, log), store, 0)]
    for _ in range(data.draw(st.integers(0, 8))):
        process = data.draw(st.sampled_from(processes))
        what = data.draw(st.sampled_from(("go on", "go on", "die", "lose", "get back", "watermark")))
        if what == "watermark":
            if process.at:
                states.watermarks[0] = max(states.watermarks.get(0, 0), watermark(log[: process.at]))
        elif what == "lose":  # another gets the partition, from what is committed on; this one writes on
            start = data.draw(st.integers(0, states.watermarks.get(0, 0)))
            processes.append(Process(counting_of(states, log), store, start))
        elif what == "get back":  # it comes again where another has committed
            process.at = states.watermarks.get(0, 0)
        else:
            process.rows_left = data.draw(st.integers(1, 12)) if what == "die" else None
            try:
                await process.take(log, data.draw(st.integers(1, 6)))
            except Died:
                processes.remove(process)
                processes.append(
                    Process(counting_of(states, log), store, data.draw(st.integers(0, states.watermarks.get(0, 0))))
                )
            process.rows_left = None
    last = Process(counting_of(states, log), store, min(states.watermarks.get(0, 0), len(log) - 1))
    while last.at < len(log):
        await last.take(log, data.draw(st.integers(1, 6)))
    assert store.cells() == of_replay(log).cells()


async def _kept(record: list[tuple[int, RowChange]]) -> None:
    raise AssertionError("nothing is to be written")


def test_a_version_that_a_rebuild_fills_is_left_to_it_until_it_says_from_where_on() -> None:
    async def run() -> None:
        log = placed([bill(f"generation-{n}", cost=n) for n in range(6)])
        store, filling = MemoryRowStore(""), replace(ROLLUPS, waits=True)
        states = MemoryStates(store)
        process = Process(counting_of(states, log), store, 0)
        await process.counting.count(filling, USAGE_RECORDS, log[:2], _kept)
        assert not process.counting.keeps(filling, USAGE_RECORDS, 0)
        await process.counting.count(filling, USAGE_RECORDS, log[2:4], _kept)
        for row in folded(log[:3]):
            store.apply(1, row)
        states.watermarks[0] = watermark(log[:3])
        await process.counting.count(filling, USAGE_RECORDS, log[5:], process.write)
        assert process.counting.keeps(filling, USAGE_RECORDS, 0)
        assert store.cells() == of_replay(log).cells(), "what it saw before it counted is not missed"

    asyncio.run(run())


def test_rows_that_were_written_are_not_read_again() -> None:
    async def run() -> None:
        log = placed([bill(f"generation-{n}") for n in range(40)])
        store = MemoryRowStore("")
        states = MemoryStates(store)
        process = Process(counting_of(states, log), store, 0)
        await process.take(log, 1)
        asked = states.asked
        while process.at < len(log):
            await process.take(log, 3)
        assert states.asked - asked == len(log) - 1, "of each bill its own row"

    asyncio.run(run())


def test_old_records_are_the_users_own_accounts_and_an_organisation_has_rows_of_its_own() -> None:
    store = of_replay(placed([bill("old"), bill("new", attribution=ACME)]))
    keys = store.rows()["usage_sums_v1"]
    assert {key[4] for key in keys if key[0] == "user:ada"} == {"ada", "acme"}
    assert [key for key in keys if key[0] == "organisation:acme" and key[1] == "day"] == [
        (
            "organisation:acme",
            "day",
            202511,
            bucket(AT, "day"),
            "acme",
            "ada",
            "key-1",
            "local",
            "plus",
            PRICE.currency,
            0,
        )
    ]
    assert all(len(key) == len(USAGE_SUMS.key) for key in keys)


def test_what_cannot_be_true_is_counted_as_far_as_a_column_takes_it() -> None:
    much = 2**63 - 1
    rows = of_replay(placed([bill(f"g{n}", cost=much, usage=Usage(-3, much)) for n in range(3)])).rows()
    for cells in rows["usage_sums_v1"].values():
        assert (cells["billed_micros"], cells["completion_tokens"], cells["prompt_tokens"]) == (2**62, 2**62, 0)
