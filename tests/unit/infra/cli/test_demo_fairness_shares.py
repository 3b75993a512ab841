"""Shares of the work while all waited, from a log."""

from __future__ import annotations

from infra.cli.demo_fairness_shares import Share, shares, told
from schemas.generation import GenerationRecord
from tests.unit.infra.cli.test_demo_fairness import piece, start

NAMES = {"id of heavy": "heavy", "id of light": "light", "id of nobody": "idle"}
LOG: list[tuple[int, GenerationRecord]] = [
    (10, start("a", "id of heavy", 8000)),
    (11, start("b", "id of light", 2000)),
    (12, start("x", "another", 8000)),
    (13, piece("x", 1, 100)),
    (15, piece("a", 1, 15)),
    (16, piece("b", 1, 4)),
    (20, start("c", "id of light", 2000)),
    # The light user has no job that waits any more: from here on it is nobody's share.
    (21, piece("a", 2, 500)),
    (22, start("d", "id of heavy", 8000)),
]


def test_shares_are_of_the_work_while_all_of_them_wait() -> None:
    # heavy: 30 for its answer, its start was before the other's; light: 2 for starts, 8 for its answer.
    assert shares(LOG, NAMES) == [Share("heavy", 8000, 0.75, 0.8), Share("light", 2000, 0.25, 0.2)]
    assert shares([], NAMES) == []


def test_shares_are_told_beside_the_weights() -> None:
    assert told(shares(LOG, NAMES)).endswith("heavy 75.0% (weight 8: 80.0%), light 25.0% (weight 2: 20.0%)")
    assert told([]).endswith("nothing was picked")
