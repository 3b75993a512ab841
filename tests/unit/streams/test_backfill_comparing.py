"""What counts today against a shadow: exact sums, whatever the order of the ledger's records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.envelope import Envelope, Position
from schemas.price import Usage
from schemas.usage import UsageRecorded, UsageRerated
from streams.backfill.comparing import Comparison, Sum, month_of, read_on
from tests.fakes.projection_records import computed
from topics.catalogue import USAGE_RECORDS
from topics.cuts import Cut
from topics.log import RawRecord

AT_US = 1_763_700_000_000_000
USAGE = Usage(3, 2, 0)


def envelope(name: str) -> Envelope:
    return Envelope(name, AT_US, None, "request", "system:test")


def recorded(generation: int, cost: int) -> UsageRecorded:
    at = Position(0, 0, generation)
    name, user = f"g{generation}", f"u{generation % 2}"
    kind = "GenerationCompleted"
    return UsageRecorded(
        envelope=envelope(name),
        user_id=user,
        conversation_id="c",
        generation_id=name,
        model=f"m{generation % 3}",
        outcome_type=kind,
        usage=USAGE,
        price_version="p1",
        currency="EUR",
        cost_micros=cost,
        outcome=at,
        ended_at_us=AT_US,
    )


def rerated(generation: int, cost: int, backfill: str = "fix") -> UsageRerated:
    old = recorded(generation, 1000)
    return UsageRerated(
        envelope=envelope(f"{backfill}/{generation}"),
        user_id=old.user_id,
        conversation_id=old.conversation_id,
        generation_id=old.generation_id,
        model=old.model,
        usage=USAGE,
        price_version=f"price of {backfill}",
        currency="EUR",
        cost_micros=cost,
        superseded_price_version="p1",
        superseded_cost_micros=old.cost_micros,
        outcome=old.outcome,
        ended_at_us=AT_US + generation * 86_400_000_000 * 40,
        backfill=backfill,
    )


Billed = UsageRecorded | UsageRerated
COSTS = st.integers(0, 10**15)
LEDGER = st.lists(
    st.one_of(
        st.builds(recorded, st.integers(0, 5), COSTS),
        st.builds(rerated, st.integers(0, 5), COSTS, st.sampled_from(("fix", "other"))),
    ),
    max_size=20,
)


@given(st.dictionaries(st.integers(0, 5), COSTS), LEDGER, st.integers(0, 20))
def test_sums_are_those_of_a_plain_reading(shadow: dict[int, int], ledger: list[Billed], since: int) -> None:
    with Comparison("fix") as comparison:
        for offset, (generation, cost) in enumerate(shadow.items()):
            comparison.take_shadow(rerated(generation, cost), offset)
            comparison.take_shadow(rerated(generation, cost), offset + 100)
        for n, record in enumerate(ledger):
            comparison.take_ledger(record, is_new=n >= since)
        total: dict[str, Sum] = {}
        for generation, cost in shadow.items():
            key = f"m{generation % 3}"
            old = _counts(ledger, f"g{generation}")
            before = total.get(key, Sum(key, "EUR", 0, 0, 0))
            total[key] = replace(
                before,
                generations=before.generations + 1,
                old_micros=before.old_micros + old,
                new_micros=before.new_micros + cost,
            )
        assert comparison.sums("model") == [total[key] for key in sorted(total)]
        for by in ("user", "month", "total"):
            assert sum(one.difference_micros for one in comparison.sums(by)) == sum(
                one.difference_micros for one in total.values()
            )
        comparison.take_ledger(computed("ada", "key"))
        assert comparison.sums("model") == [total[key] for key in sorted(total)]
        billed = {record.generation_id for record in ledger}
        assert comparison.not_billed() == sum(f"g{generation}" not in billed for generation in shadow)
        assert list(comparison.offsets()) == list(range(len(shadow)))
        concerned = {f"g{generation}" for generation in shadow}
        others = {
            record.backfill
            for record in ledger[since:]
            if isinstance(record, UsageRerated) and record.generation_id in concerned and record.backfill != "fix"
        }
        assert comparison.overtaken == others
        changes = [abs(one.new_micros - one.old_micros) for one in comparison.singles(100)]
        assert changes == sorted(changes, reverse=True) and 0 not in changes


def _counts(ledger: list[Billed], generation: str) -> int:
    of: dict[type, list[int]] = defaultdict(list)
    for record in ledger:
        if record.generation_id == generation:
            of[type(record)].append(record.cost_micros)
    return of[UsageRerated][-1] if of[UsageRerated] else [*of[UsageRecorded], 1000][0]


def test_months_are_utc_and_of_impossible_times_there_is_none() -> None:
    assert month_of(AT_US) == "2025-11"
    assert month_of(1 << 62) == "?"


class LedgerOf:
    """A log whose ledger holds one record, in a partition of a later epoch."""

    def __init__(self, record: Billed, partition: int) -> None:
        self._raw = RawRecord(USAGE_RECORDS, partition, 0, AT_US // 1000, b"u", encode(record))

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        yield [self._raw]


def test_what_stands_in_a_partition_that_came_after_the_cut_is_new() -> None:
    """The ledger was grown since the comparison: another backfill's record there has overtaken this one."""
    log: Any = LedgerOf(rerated(1, 7, "other"), 5)
    with Comparison("fix") as comparison:
        comparison.take_shadow(rerated(1, 9), 0)
        since = {(str(USAGE_RECORDS), partition): 10 for partition in range(2)}
        read_on(log, comparison, {}, {}, since=since, report=lambda _: None, check=lambda: None)
        assert comparison.overtaken == {"other"}
