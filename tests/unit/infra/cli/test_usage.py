"""`./verbatim usage`: who is meant, and sums with all their places."""

from __future__ import annotations

import pytest

from infra.cli.usage import id_of, money
from schemas import ids


def test_a_name_or_an_id() -> None:
    ada = ids.user_id("ada")
    assert id_of("ada", ids.user_id) == id_of(ada, ids.user_id) == ada
    assert id_of("Guild", ids.organisation_id) == ids.organisation_id("Guild")


@pytest.mark.parametrize(
    ("micros", "shown"), [(0, "0.000000"), (20, "0.000020"), (1_234_567_890_123, "1,234,567.890123")]
)
def test_sums_are_exact(micros: int, shown: str) -> None:
    assert money(micros) == shown
