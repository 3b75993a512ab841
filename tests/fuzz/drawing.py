"""Cases from a seed: the same seed draws the same ones from the same code, and fewer of them are the first of more.

Hypothesis also draws constants of the modules that are loaded, so another commit has other cases: a case that is to
stay is saved as a file.
"""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Case = TypeVar("Case")

BATCH = 100
"""So many are drawn of a seed of their own: what is drawn later in one batch is slower, and more alike."""
THINNED = 3
"""Hypothesis follows a case with others much like it: one of so many is taken."""
MAX_BATCHES = 1_000_000


def drawn(strategy: SearchStrategy[Case], count: int, from_seed: int) -> list[Case]:
    """`count` cases; fewer only if the strategy has too few that differ."""
    found: list[Case] = []
    for batch in range((count + BATCH - 1) // BATCH):
        found += _batch(strategy, from_seed * MAX_BATCHES + batch)
    return found[:count]


def _batch(strategy: SearchStrategy[Case], from_seed: int) -> list[Case]:
    found: list[Case] = []

    @seed(from_seed)
    @settings(
        max_examples=BATCH * THINNED,
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
    return found[::THINNED][:BATCH]
