from __future__ import annotations

import pytest

from infra.stack.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 0.0), (2, 0.25), (3, 0.5), (4, 1.0), (7, 8.0), (8, 10.0), (10_000, 10.0)]
)
def test_the_first_restart_is_immediate_and_later_ones_double_up_to_a_bound(failures: int, delay_s: float) -> None:
    assert Backoff().delay_s(failures) == delay_s


def test_a_healthy_while_forgets_earlier_failures() -> None:
    backoff = Backoff(healthy_after_s=20)
    assert backoff.failures(5, healthy_for_s=19.9) == 6
    assert backoff.failures(5, healthy_for_s=20) == 1
