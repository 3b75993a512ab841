"""How long to wait before a crashed child is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """At once after a healthy while, then doubling from `first_s` up to `most_s`."""

    first_s: float = 0.25
    most_s: float = 10.0
    healthy_after_s: float = 10.0

    def failures(self, before: int, healthy_for_s: float) -> int:
        """The count of failures in a row after one more, given how long the child had been healthy."""
        return 1 if healthy_for_s >= self.healthy_after_s else before + 1

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after `failures` (≥ 1) in a row. The first restart is immediate: work is waiting for it."""
        if failures <= 1:
            return 0.0
        # the exponent is bounded so that years of failures do not overflow a float
        return min(self.most_s, self.first_s * 2.0 ** min(failures - 2, 30))
