from __future__ import annotations

import pytest

from infra.stack.joining import JOINABLE, joined, wants_joining


@pytest.mark.parametrize(
    ("setting", "cores", "wanted"),
    [(None, 1, True), (None, 4, True), (None, 5, False), (True, 64, True), (False, 1, False)],
)
def test_small_hosts_join_unless_the_setting_says_otherwise(setting: bool | None, cores: int, wanted: bool) -> None:
    assert wants_joining(setting, cores) is wanted


@pytest.mark.parametrize(
    ("scale", "roles"),
    [
        ({}, JOINABLE),
        ({"worker": 2, "watchdog": 0}, JOINABLE),
        ({"conversation": 1}, ("metering", "projector")),
        ({"projector": 2}, ("conversation", "metering")),
        ({"metering": 0}, ("conversation", "projector")),
        ({"metering": 0, "projector": 1}, ()),
    ],
)
def test_a_role_whose_count_is_given_has_processes_of_its_own(scale: dict[str, int], roles: tuple[str, ...]) -> None:
    assert joined(scale, True) == roles
    assert joined(scale, False) == ()
