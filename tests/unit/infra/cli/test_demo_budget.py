"""What the budget demo shows and concludes, from the account's records."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from infra.cli.budget_clients import Storm, Tally
from infra.cli.budget_storm import Judged
from infra.cli.demo_budget_run import (
    ANSWER_TOKENS,
    KILL_EVERY_S,
    LEAST_PACE,
    Standing,
    Wanted,
    course,
    document,
    findings,
    pace_of,
    picture,
    rows,
)
from infra.cli.demo_table import LiveTable
from schemas.admission import AdmissionRecord
from schemas.envelope import Position
from tests.unit.topics.admission.test_account import START_US, budget, request
from topics.admission.audit import Audit, Placed

WANTED = Wanted(streams=3, kills=1, seed=1, tokens=100, limit_s=60, plot=Path("p.svg"))


def placed() -> list[Placed]:
    records: list[AdmissionRecord] = [budget(100), request("g1", 40), request("g2", 40)]
    found = []
    for number, record in enumerate(records):
        at_us = START_US + number * 500_000
        said = replace(record, envelope=replace(record.envelope, occurred_at_us=at_us))
        found.append(Placed(said, Position(0, 0, number), at_us))
    return found


def judged(*problems: str, kills: int = 1) -> Judged:
    tally = Tally(kills=Counter({"worker-0": kills} if kills else {}))
    return Judged(tally, Audit(), 50, 50, list(problems), placed())


def test_the_course_is_the_log_folded_record_by_record() -> None:
    assert course(placed()) == [Standing(0.0, 0, 0), Standing(0.5, 0, 50), Standing(1.0, 0, 100)]
    assert course([]) == []


def test_all_holds_when_the_log_has_no_broken_promise() -> None:
    found = findings(WANTED, judged())
    assert all(finding.holds for finding in found)
    assert document(WANTED, judged(), found)["holds"] is True


def test_a_problem_a_sum_over_the_budget_and_too_few_kills_are_each_told() -> None:
    assert [finding.holds for finding in findings(WANTED, judged("5 tokens more"))] == [True, False, True]
    assert [finding.holds for finding in findings(replace(WANTED, tokens=99), judged())] == [False, True, True]
    found = findings(WANTED, judged(kills=0))
    assert [finding.holds for finding in found] == [True, True, False]
    assert document(WANTED, judged(kills=0), found)["holds"] is False


def test_many_kills_of_one_kind_are_too_few_kinds() -> None:
    wanted = replace(WANTED, kills=4)
    some, kinds = judged(kills=4), ("worker", "api", "agents")
    some.tally.kinds.update({"worker": 4})
    assert [finding.holds for finding in findings(wanted, some)] == [True, True, False]
    some.tally.kinds.update(kinds)
    assert all(finding.holds for finding in findings(wanted, some))


def test_the_picture_has_the_budget_and_what_is_taken_of_it() -> None:
    drawn = picture(WANTED, judged())
    assert [name in drawn for name in (">spent<", ">spent + open leases<", ">budget<")] == [True, True, True]


def test_elsewhere_than_on_a_terminal_the_table_is_a_line_for_each_change() -> None:
    out = io.StringIO()
    now = {"spent": 50, "leased": 20, "left": 30}
    with LiveTable(Console(file=out, width=40), "the budget", quiet=False) as table:
        table.show(rows(WANTED, now, Tally()))
        table.show(rows(WANTED, now, Tally()))
        table.show(rows(WANTED, now, Tally(open=2)))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("budget: 100 tokens; spent: 50; open leases: 20; left: 30; streams open: 0 of 3")


def test_on_a_terminal_the_table_stands_there() -> None:
    out = io.StringIO()
    with LiveTable(Console(file=out, width=100, force_terminal=True), "the budget", quiet=False) as table:
        table.show(rows(WANTED, {}, Tally()))
    assert "open leases" in out.getvalue()


def test_quiet_is_quiet() -> None:
    out = io.StringIO()
    with LiveTable(Console(file=out, width=100), "the budget", quiet=True) as table:
        table.show(rows(WANTED, {}, Tally()))
    assert out.getvalue() == ""


def test_answers_last_as_long_as_many_kills_take() -> None:
    assert pace_of(5) == 0.0
    assert Storm("a", "k", "m", 1, 1, 5, 1).prompt == "Count to 20."
    assert ANSWER_TOKENS / pace_of(100) == pytest.approx(100 * KILL_EVERY_S)
    assert pace_of(500) == LEAST_PACE
    assert Storm("a", "k", "m", 1, 1, 1, 1, pace=0.5).prompt == "[[count 20]] [[pace 0.5]]"
