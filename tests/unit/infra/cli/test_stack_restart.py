from __future__ import annotations

import pytest

from infra.cli.stack_restart import chosen_children
from infra.stack.snapshot import ChildView


def view(name: str) -> ChildView:
    return ChildView(name, name.partition("-")[0], "ready", "", 1, 0, "")


CHILDREN = [view(name) for name in ("kafka", "recorder-0", "worker-0", "worker-1", "api-0", "spare-0")]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["recorder"], ["recorder-0"]),
        (["api-0", "kafka"], ["api-0", "kafka"]),
        (["worker"], ["spare-0", "worker-0", "worker-1"]),
        (["worker-1", "worker-1"], ["spare-0", "worker-1"]),
    ],
)
def test_names_and_roles_choose_each_child_once(names: list[str], chosen: list[str]) -> None:
    assert chosen_children(names, CHILDREN) == chosen


def test_an_unknown_name_is_said_with_the_known_ones() -> None:
    said = chosen_children(["wroker"], CHILDREN)
    assert isinstance(said, str)
    assert "wroker" in said
    assert "worker-0" in said


def test_a_role_and_its_process_name_those_that_share_one() -> None:
    shared = [
        ChildView(f"{role}-0", role, "ready", "", 1, 0, "", within="agents-0") for role in ("metering", "projector")
    ]
    assert chosen_children(["metering"], [*CHILDREN, *shared]) == ["metering-0"]
    assert chosen_children(["agents-0"], [*CHILDREN, *shared]) == ["metering-0", "projector-0"]
