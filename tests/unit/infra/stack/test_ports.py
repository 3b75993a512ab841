from __future__ import annotations

import pytest

from infra.stack.errors import CannotStart
from infra.stack.ports import FIRST, LAST, choose

SEED = "00000000"


def all_free(port: int) -> bool:
    return True


def test_kept_ports_stay_while_they_are_free() -> None:
    assert choose(["kafka", "redis"], {"kafka": 25_000, "redis": 25_001}, SEED, all_free) == {
        "kafka": 25_000,
        "redis": 25_001,
    }


def test_a_kept_port_that_another_program_took_is_replaced() -> None:
    chosen = choose(["kafka", "redis"], {"kafka": 25_000, "redis": 25_001}, SEED, lambda port: port != 25_000)
    assert chosen["redis"] == 25_001
    assert chosen["kafka"] not in (25_000, 25_001)


def test_names_get_different_ports_within_the_range() -> None:
    names = [f"n{i}" for i in range(50)]
    chosen = choose(names, {}, "ffffffff", all_free)
    assert len(set(chosen.values())) == 50
    assert all(FIRST <= port < LAST for port in chosen.values())


def test_two_kept_names_never_share_a_port() -> None:
    chosen = choose(["kafka", "redis"], {"kafka": 25_000, "redis": 25_000}, SEED, all_free)
    assert chosen["kafka"] != chosen["redis"]


def test_a_range_that_is_used_up_is_said() -> None:
    with pytest.raises(CannotStart, match="no free port between 20000 and 32000 for kafka"):
        choose(["kafka"], {}, SEED, lambda port: False)
