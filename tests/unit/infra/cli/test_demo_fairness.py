"""What the fairness demo shows and concludes, from the log and from what clients saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from infra.cli.budget_clients import Tally
from infra.cli.demo_fairness_run import Seen, Served, Wanted, document, findings, picture, rows, served
from schemas.generation import AttemptStarted, GenerationRecord, TokenChunk
from schemas.picks import JobRead, Pick
from schemas.picks import Seen as PickSeen
from tests.generation_logs import chunk, started
from topics.fairness.replay import Report

ASKED = {"heavy": 2, "light 1": 1}
WANTED = Wanted(jobs=2, light=1, limit_s=60, plot=Path("p.svg"))


def start(attempt: str, user_id: str, weight_milli: int) -> AttemptStarted:
    record = started(attempt)
    pick = Pick(
        domain="w",
        reason="fair",
        number=1,
        job=JobRead("jobs", 0, 0),
        charged=0,
        floor=0,
        work=1,
        weight_milli=weight_milli,
        seen=PickSeen(),
    )
    return replace(record, turn=replace(record.turn, user_id=user_id), pick=pick)


def piece(attempt: str, seq: int, tokens: int) -> TokenChunk:
    return replace(chunk(attempt, seq), tokens=tokens)


LOG: list[tuple[int, GenerationRecord]] = [
    (900, start("a", "id of heavy", 8000)),
    (2000, piece("a", 1, 5)),
    (950, start("b", "id of light", 4000)),
    (1000, piece("b", 1, 2)),
    (1500, piece("b", 2, 3)),
    (960, start("c", "another", 1000)),
    (1000, piece("c", 1, 7)),
    (1000, piece("unknown", 1, 7)),
]


def seen(**ends: int) -> Seen:
    tallies = {"heavy": Tally(ends=Counter(ends)), "light 1": Tally(ends=Counter(stop=1))}
    return Seen(ASKED, tallies, served(LOG, {"id of heavy": "heavy", "id of light": "light 1"}))


def test_tokens_are_added_up_by_user_in_the_order_of_time_and_only_for_the_demos_users() -> None:
    assert seen().served == [
        Served("heavy", 8000, [(0.0, 0), (1.0, 5)]),
        Served("light 1", 4000, [(0.0, 0), (0.0, 2), (0.5, 5)]),
    ]
    assert [each.tokens for each in served([], {"id": "heavy"})] == [0]


def test_all_holds_when_every_job_ended_and_every_pick_is_right() -> None:
    found = findings(seen(stop=2), Report(checked=3, reasons={"fair": 3}, most_gap=4, bound=9))
    assert all(finding.holds for finding in found)
    shown = document(WANTED, seen(stop=2), Report(checked=3), found)
    assert shown["holds"] is True
    assert shown["users"][0] == {"name": "heavy", "weight_milli": 8000, "tokens": 5}


def test_each_broken_promise_is_told() -> None:
    right = Report(checked=3)
    assert [each.holds for each in findings(seen(stop=1, length=1), right)] == [False, True, True]
    assert [each.holds for each in findings(seen(stop=2), Report(checked=2, wrong=1))] == [True, False, True]
    assert [each.holds for each in findings(seen(stop=2), Report())] == [True, False, True], "nothing was checked"
    wide = Report(checked=3, most_gap=10, bound=9)
    assert [each.holds for each in findings(seen(stop=2), wide)] == [True, True, False]


def test_the_table_and_the_picture_have_a_line_a_user() -> None:
    assert rows(ASKED, seen(stop=1).tallies)[0] == ("heavy", "1 of 2 ended, 0 pieces")
    drawn = picture(seen().served)
    assert [name in drawn for name in (">heavy (weight 8)<", ">light 1 (weight 4)<")] == [True, True]
