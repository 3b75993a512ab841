"""Re-pricing and running it: exact, pure, and the same however it is cut up, killed and begun again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.envelope import Envelope, Position
from schemas.outcome import Outcome
from schemas.price import Price, Usage
from schemas.usage import UsageRerated
from streams.backfill.backfill_log import BackfillLog, read_backfill_log
from streams.backfill.capped import capped_bills
from streams.backfill.processors import REPRICE, repricing_of, repricing_text
from streams.backfill.reactor import Left, Repricing, Unprocessable, reprice
from streams.backfill.running import MAX_REASONS, begin, run
from streams.metering.reactor import usage_record
from tests.fakes.projection_records import PRICE, outcome, prompt, turn_of
from topics.admission.leases import Settled
from topics.catalogue import GENERATION_OUTCOMES, SHADOW_LOG, SHADOW_RECORDS, USAGE_RECORDS, catalogue
from topics.cuts import Cut
from topics.log import RawRecord

NEW = Price("p2", "EUR", 300_000, 150_000, 400_000)
REPRICING = Repricing("fix", {"local": NEW})
PLACE = Position(0, 1, 7)
DUE = Usage(12, 4, 2)


def ended(key: str, usage: Usage = DUE, model: str = "local", price: Price = PRICE) -> Outcome:
    turn = replace(turn_of(prompt("conv-1", key), Position(0, 0, 0)), model=model, price=price)
    return replace(outcome(turn), usage=usage, cost_micros=price.cost_micros(usage))


def test_an_outcome_is_re_rated_by_the_rule_that_billed_it() -> None:
    usage = Usage(1_000_003, 77, 10)
    produced = reprice(ended("a", usage), PLACE, REPRICING)
    assert isinstance(produced, tuple)
    (record,) = produced
    assert (record.cost_micros, record.superseded_cost_micros) == (NEW.cost_micros(usage), PRICE.cost_micros(usage))
    assert (record.price_version, record.superseded_price_version) == ("p2", "p1")
    assert (record.usage, record.outcome, record.backfill, record.currency) == (usage, PLACE, "fix", "EUR")
    assert reprice(ended("a", usage), PLACE, REPRICING) == produced


def test_a_bill_that_its_lease_capped_is_re_rated_for_what_it_counts() -> None:
    outcome_, part = ended("a", Usage(1_000_003, 5_000_077, 10)), Usage(1_000_003, 5_000_000, 10)
    generation = outcome_.turn.generation_id
    settled = Settled(0, part, PRICE.cost_micros(part), 77, True)
    bill = usage_record(outcome_, PLACE, settled)
    ledger = [
        RawRecord(USAGE_RECORDS, 0, nth, 0, b"key", value)
        for nth, value in enumerate(
            (
                encode(usage_record(ended("b"), PLACE)),
                b"nothing",
                encode(bill),
                encode(replace(bill, usage=Usage(1, 1), unbilled_tokens=1)),
            )
        )
    ]
    found = capped_bills([ledger[:2], ledger[2:]])
    assert found == {generation: part}
    produced = reprice(outcome_, PLACE, replace(REPRICING, capped=found))
    assert isinstance(produced, tuple)
    (record,) = produced
    assert (record.usage, record.cost_micros) == (part, NEW.cost_micros(part))
    assert record.superseded_cost_micros == bill.cost_micros


def test_each_backfill_and_each_price_version_has_its_own_event_id() -> None:
    other_price = Repricing("fix", {"local": replace(NEW, version="p3")})
    asked = (REPRICING, Repricing("again", {"local": NEW}), other_price)
    made = [reprice(ended("a"), PLACE, repricing) for repricing in asked]
    assert len({one[0].envelope.event_id for one in made if isinstance(one, tuple)}) == 3


@pytest.mark.parametrize(
    ("prices", "reason", "as_due"),
    [
        ({}, "model 'local' has no new price", False),
        ({"local": PRICE}, "model 'local' was billed at this very price", True),
        ({"local": replace(NEW, currency="USD")}, "model 'local' was billed in EUR, not in USD", False),
    ],
)
def test_what_cannot_be_re_rated_is_left_as_it_is(prices: Mapping[str, Price], reason: str, as_due: bool) -> None:
    assert reprice(ended("a"), PLACE, Repricing("fix", prices)) == Left(reason, as_due)


def test_one_version_with_two_prices_is_refused() -> None:
    with pytest.raises(Unprocessable, match="give the new price a version of its own"):
        reprice(ended("a"), PLACE, Repricing("fix", {"local": replace(NEW, version="p1")}))


def test_parameters_survive_being_written_down() -> None:
    assert repricing_of("fix", repricing_text(REPRICING.prices)) == REPRICING


class Killed(Exception):
    """The process is gone."""


class World:
    """A log with two partitions of outcomes and a shadow, as far as a run sees them; dies at the n-th settling."""

    name, topic = "fix", "shadow.fix"

    def __init__(self, outcomes: Sequence[tuple[int, bytes]]) -> None:
        self.log: dict[int, list[bytes]] = {0: [], 1: []}
        for partition, value in outcomes:
            self.log[partition].append(value)
        self.partitions: dict[int, list[bytes]] = {SHADOW_LOG: [], SHADOW_RECORDS: []}
        self.batch, self.lives = 1, 0
        self._waiting: list[tuple[int, bytes]] = []

    @property
    def stop(self) -> dict[tuple[str, int], int]:
        return {(GENERATION_OUTCOMES, partition): len(values) for partition, values in self.log.items()}

    # Log

    def held(self, topics: Mapping[str, int]) -> tuple[Cut, Cut]:
        return dict.fromkeys(self.stop, 0), self.stop

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        left = [
            RawRecord(topic, partition, offset, 0, b"k", self.log[partition][offset])
            for (topic, partition), until in sorted(stop.items())
            for offset in range(start[topic, partition], until)
        ]
        # Partitions interleave, each in its own order.
        left.sort(key=lambda raw: raw.offset)
        for at in range(0, len(left), self.batch):
            yield left[at : at + self.batch]

    # Shadow

    def backfill_log(self) -> BackfillLog:
        return read_backfill_log(decode(value) for value in self.partitions[SHADOW_LOG])

    def envelope(self, event: str, moment: str, at_us: int) -> Envelope:
        return Envelope(f"{event}/{moment}", at_us, None, self.topic, "system:backfill")

    # Appender

    def append(self, topic: str, partition: int, key: str, record: Any) -> None:
        assert topic == self.topic
        self._waiting.append((partition, encode(record)))

    def settle(self) -> None:
        self.lives -= 1
        for partition, value in self._waiting:
            self.partitions[partition].append(value)
        self._waiting.clear()
        if self.lives == 0:
            raise Killed

    def begin(self, parameters: str) -> None:
        world: Any = self
        begin(world, world, REPRICE, parameters, dict.fromkeys(self.stop, 0), self.stop)

    def run(self, batch: int, lives: int, *, strict: bool = False) -> BackfillLog:
        self.batch, self.lives = batch, lives
        self._waiting.clear()
        world: Any = self
        return run(
            world,
            catalogue(),
            world,
            world,
            REPRICE,
            REPRICING,
            strict=strict,
            report=lambda done, total, lag: None,
            check=lambda: None,
        )

    def produced(self) -> list[UsageRerated]:
        """The records, of repeated ones the first, in an order of their own."""
        first: dict[str, UsageRerated] = {}
        for value in self.partitions[SHADOW_RECORDS]:
            record = decode(value)
            assert isinstance(record, UsageRerated)
            assert first.setdefault(record.envelope.event_id, record) == record
        return sorted(first.values(), key=lambda record: (record.outcome.partition, record.outcome.offset))


USAGES = st.builds(Usage, st.integers(0, 10**9), st.integers(0, 10**9))
KINDS = st.one_of(
    USAGES, st.sampled_from((ended("other", model="unknown"), b"no record", prompt("conv-1", "no outcome")))
)
HISTORY = st.lists(st.tuples(st.integers(0, 1), KINDS), max_size=12)


def bytes_of(kind: Any, n: int) -> bytes:
    if isinstance(kind, Usage):
        return encode(ended(str(n), kind))
    return kind if isinstance(kind, bytes) else encode(kind)


@given(HISTORY, st.lists(st.tuples(st.integers(1, 5), st.integers(1, 6)), max_size=4), st.integers(1, 12))
def test_any_batches_and_kills_make_the_same_records(
    drawn: list[tuple[int, Any]], killed: list[tuple[int, int]], batch: int
) -> None:
    history = [(partition, bytes_of(kind, n)) for n, (partition, kind) in enumerate(drawn)]
    whole, pieces = World(history), World(history)
    for world in (whole, pieces):
        world.begin(repricing_text(REPRICING.prices))
    expected = whole.run(1000, -1)
    for size, lives in killed:
        try:
            pieces.run(size, lives)
        except Killed:
            continue
    found = pieces.run(batch, -1)
    assert pieces.produced() == whole.produced()
    assert found.is_complete and expected.is_complete
    assert found.left == expected.left
    assert found.advanced is not None and expected.advanced is not None
    assert (found.advanced.read, found.advanced.produced) == (expected.advanced.read, expected.advanced.produced)


def test_strict_refuses_what_would_be_left_and_not_what_is_as_due() -> None:
    world = World([(0, encode(ended("a", price=NEW)))])
    world.begin("{}")
    assert world.run(1, -1, strict=True).left == {"model 'local' was billed at this very price": 1}
    other = World([(0, encode(ended("a", model="unknown")))])
    other.begin("{}")
    with pytest.raises(Unprocessable, match=r"generation-outcomes:0=0\), and --strict"):
        other.run(1, -1, strict=True)


def test_reasons_are_bounded() -> None:
    world = World([(0, encode(ended(str(n), model=f"m{n}"))) for n in range(MAX_REASONS + 5)])
    world.begin("{}")
    left = world.run(10, -1).left
    assert len(left) == MAX_REASONS + 1 and left["other reasons"] == 5


def test_of_two_that_begin_one_backfill_the_first_counts() -> None:
    world = World([])
    world.begin("first")
    world.begin("second")
    started = world.backfill_log().started
    assert started is not None and started.parameters == "first"
