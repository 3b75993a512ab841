"""Cases from a seed: the same seed draws the same ones from the same code.

Hypothesis also draws constants of the modules that are loaded, so another commit has other cases: a case that is to
stay is saved as a file.
"""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Case = TypeVar("Case")


THINNED = 3
"""Hypothesis follows a case with others much like it: one of so many is taken."""


def drawn(strategy: SearchStrategy[Case], count: int, from_seed: int) -> list[Case]:
    """`count` cases; fewer only if the strategy has too few that differ."""
    found: list[Case] = []

    @seed(from_seed)
    @settings(
        max_examples=count * THINNED,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found[::THINNED][:count]
