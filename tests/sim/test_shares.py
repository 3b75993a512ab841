"""Tiers get shares by their weights, and users of one tier the same; every pick is what the rule gives. A seeded part;
more of it is `python -m tests.sim.shares`."""

from __future__ import annotations

import pytest

from tests.sim.shares import Contest

EQUAL = 0.95
"""The least Jain index among equals."""


@pytest.mark.slow("hundreds of answers through real workers, in virtual time")
@pytest.mark.parametrize(("workers", "within"), [(1, 0.05), (4, 0.10)])
def test_shares_follow_the_weights_and_equals_get_the_same(workers: int, within: float) -> None:
    shares = Contest(workers=workers, seconds=20, seed=18).run()
    report = shares.report
    assert (report.wrong, report.unchecked, report.found) == (0, 0, [])
    assert report.domains == workers
    assert report.checked > 400 * workers
    assert shares.worst <= within, shares.of_tiers()
    assert shares.jain >= EQUAL, shares.served
    assert report.most_gap <= report.bound
