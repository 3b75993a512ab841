"""Bills beside the outcomes that they are of: what is wrong is named, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from schemas.codec import encode
from schemas.envelope import Position
from schemas.outcome import Outcome
from schemas.turns import UNBILLED
from schemas.usage import UsageRecorded
from streams.metering.auditing import Audit, Total
from streams.metering.reactor import usage_record
from tests.fakes.projection_logs import TOPICS
from tests.fakes.projection_records import AT, computed, outcome, prompt, rerated, turn_of
from topics.admission.leases import Settled
from topics.catalogue import GENERATION_OUTCOMES, USAGE_RECORDS
from topics.log import RawRecord


class Told:
    """A log of outcomes and bills."""

    def __init__(self) -> None:
        self.raw: dict[str, list[RawRecord]] = {GENERATION_OUTCOMES: [], USAGE_RECORDS: []}

    def append(self, topic: str, record: Any) -> Position:
        offset = len(self.raw[topic])
        self.raw[topic].append(RawRecord(topic, 0, offset, AT // 1000, b"key", encode(record)))
        return Position(0, 0, offset)

    def ends(self, key: str, how: str = "completed", **fields: Any) -> tuple[Outcome, UsageRecorded]:
        """A generation ends; and what it is to be billed."""
        turn = turn_of(prompt("conv-1", key), Position(0, 0, 1))
        ended = replace(outcome(replace(turn, **fields), how))
        return ended, usage_record(ended, self.append(GENERATION_OUTCOMES, ended))

    def bills(self, record: Any) -> None:
        self.append(USAGE_RECORDS, record)

    def audited(self, upto: int | None = None) -> tuple[list[str], Audit]:
        """What is wrong, where metering has passed so many outcomes."""
        cut = len(self.raw[GENERATION_OUTCOMES]) if upto is None else upto
        audit = Audit(TOPICS, {(GENERATION_OUTCOMES, 0): cut})
        for raw in (*self.raw[GENERATION_OUTCOMES][:cut], *self.raw[USAGE_RECORDS]):
            audit.take(raw)
        return [one.what for one in audit.wrong()], audit


def test_a_ledger_that_is_what_the_outcomes_say_has_nothing_wrong() -> None:
    told = Told()
    for how in ("completed", "failed", "cancelled", "refused"):
        ended, bill = told.ends(how, how)
        told.bills(bill)
        told.bills(bill)  # by a metering that was killed
        if how == "completed":
            told.bills(rerated(ended, bill.outcome, "dearer"))
    ended, bill = told.ends("twice")
    again = told.append(GENERATION_OUTCOMES, ended)  # by a recorder that was killed: its bill names the other one
    told.bills(replace(bill, outcome=again))
    told.bills(told.ends("title", price=UNBILLED)[1])
    for at_us in (AT, AT + 1):
        told.bills(computed("ada", "one", at_us))
    wrong, audit = told.audited()
    assert wrong == []
    assert (audit.seen.outcomes, audit.seen.bills, audit.seen.repeats) == (7, 10, 5)
    totals = audit.totals()
    assert sum(total.bills for total in totals) == 6, "titles are billed to nobody"
    dearer = rerated(ended, bill.outcome, "dearer").cost_micros
    billed = 5 * ended.cost_micros + computed("ada", "one").cost_micros
    assert totals == [Total(bill.currency, 6, billed, billed - ended.cost_micros + dearer)]


def test_what_metering_has_not_come_to_is_not_wrong() -> None:
    told = Told()
    told.bills(told.ends("first")[1])
    told.ends("later")
    ended, bill = told.ends("billed a moment ago")
    told.bills(rerated(ended, bill.outcome, "dearer"))
    told.bills(bill)
    ended, bill = told.ends("re-rated before it was billed")
    told.bills(rerated(ended, bill.outcome, "dearer"))
    wrong, audit = told.audited(upto=1)
    assert (wrong, audit.seen.ahead) == ([], 1)


def capped_bill(told: Told, key: str) -> tuple[Outcome, UsageRecorded]:
    """An answer that was counted a token beyond its lease, and what it is billed."""
    ended, bill = told.ends(key)
    usage = replace(ended.usage, completion_tokens=ended.usage.completion_tokens - 1)
    settled = Settled(AT, usage, ended.turn.price.cost_micros(usage), 1, True)
    return ended, usage_record(ended, bill.outcome, settled)


def test_a_bill_capped_by_its_lease_is_what_it_should_be_also_once_it_was_rerated() -> None:
    told = Told()
    ended, bill = capped_bill(told, "capped")
    told.bills(bill)
    told.bills(bill)
    wrong, audit = told.audited()
    assert (wrong, audit.totals()) == ([], [Total(bill.currency, 1, bill.cost_micros, bill.cost_micros)])
    dearer = rerated(ended, bill.outcome, "dearer")
    told.bills(dearer)
    wrong, audit = told.audited()
    assert (wrong, audit.totals()) == ([], [Total(bill.currency, 1, bill.cost_micros, dearer.cost_micros)])


def _capped_too_low(told: Told) -> None:
    told.bills(replace(capped_bill(told, "one")[1], unbilled_tokens=2))


def _capped_too_dear(told: Told) -> None:
    bill = capped_bill(told, "one")[1]
    told.bills(replace(bill, cost_micros=bill.cost_micros + 1))


def _otherwise(told: Told) -> None:
    told.bills(replace(told.ends("one")[1], cost_micros=1))


def _not_attributed(told: Told) -> None:
    told.bills(replace(told.ends("one")[1], user_id="somebody else"))


def _not_at_all(told: Told) -> None:
    told.ends("one")


def _of_nothing(told: Told) -> None:
    told.bills(replace(told.ends("one")[1]))
    told.bills(replace(told.ends("two")[1], generation_id="nothing"))
    told.bills(replace(told.ends("two")[1]))


def _only_rerated(told: Told) -> None:
    ended, bill = told.ends("one")
    told.bills(bill)
    told.bills(replace(rerated(ended, bill.outcome, "dearer"), generation_id="nothing"))


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_capped_too_low, "was billed otherwise than it ended"),
        (_capped_too_dear, "was billed otherwise than it ended"),
        (_otherwise, "was billed otherwise than it ended"),
        (_not_attributed, "was billed otherwise than it ended"),
        (_not_at_all, "has ended and was never billed"),
        (_of_nothing, "was billed, and no outcome says so"),
        (_only_rerated, "was re-rated and never billed"),
    ],
)
def test_what_is_wrong_is_named(plant: Callable[[Told], None], said: str) -> None:
    told = Told()
    told.bills(told.ends("right")[1])
    plant(told)
    (wrong,) = told.audited()[0]
    assert wrong.startswith(said)


def test_what_cannot_be_read_is_counted() -> None:
    told = Told()
    told.raw[USAGE_RECORDS].append(RawRecord(USAGE_RECORDS, 0, 0, AT // 1000, b"key", b"damaged"))
    wrong, audit = told.audited()
    assert (wrong, audit.seen.unreadable) == ([], 1)
