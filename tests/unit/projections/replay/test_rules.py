from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cassandra.errors import StoreRefused
from projections.registry import PROJECTIONS
from projections.replay.rules import (
    Done,
    GoOn,
    Make,
    Refused,
    droppable,
    rebuild_plan,
    rollback_target,
    runs_left,
    usable,
)
from projections.versions import State, Version, written

STATES: tuple[State, ...] = ("making", "filling", "ready", "dropping", "dropped")
versions = st.lists(
    st.tuples(st.sampled_from(STATES), st.sampled_from((None, "somebody")), st.sampled_from((None, "run-1", "run-2"))),
    min_size=1,
    max_size=6,
).map(lambda rows: [row(n + 1, state, owner, run) for n, (state, owner, run) in enumerate(rows)])


def row(version: int, state: State = "ready", owner: str | None = None, run: str | None = None) -> Version:
    return Version("usage", version, 1, state, run, None, owner, owner and f"{owner}'s process")


@given(versions, st.integers(1, 6))
def test_a_number_is_never_used_again(rows: list[Version], live: int) -> None:
    try:
        plan = rebuild_plan("usage", rows, live, 1)
    except Refused:
        assert any(one.owner and one.state in ("making", "filling") for one in rows)
        return
    match plan:
        case Make(version):
            assert version > live
            assert version not in [one.version for one in rows]
        case GoOn(version=found):
            assert found.state in ("making", "filling")
            assert found.owner is None
        case Done():
            pytest.fail("nothing was left over")


@given(versions, st.integers(1, 6))
def test_only_ready_versions_are_read_and_the_live_one_is_never_dropped(rows: list[Version], live: int) -> None:
    for version in range(1, 8):
        for allowed in (partial(usable, "usage", rows, version), partial(droppable, "usage", rows, version, live)):
            try:
                found = allowed()
            except Refused as error:
                assert "\n" not in str(error)
            else:
                assert found.version == version
                assert found.state != "dropped"
        try:
            droppable("usage", rows, version, live)
        except Refused:
            continue
        assert version != live
    try:
        target = rollback_target("usage", rows, live)
    except Refused:
        return
    assert target < live
    assert usable("usage", rows, target).state == "ready"


def test_a_second_rebuild_is_told_who_is_at_it() -> None:
    rows = [row(1), row(2, "filling", "ada")]
    with pytest.raises(Refused, match="usage is being rebuilt already: version 2, by ada's process"):
        rebuild_plan("usage", rows, 1, 1)
    assert rebuild_plan("usage", rows, 1, 1, is_gone=lambda holder: True) == GoOn(rows[1])
    with pytest.raises(Refused, match="version 2 of usage is in use by ada's process"):
        droppable("usage", rows, 2, 1)


def test_what_another_release_began_is_not_gone_on_with() -> None:
    with pytest.raises(Refused, match="drop it first"):
        rebuild_plan("usage", [row(1), row(2, "filling")], 1, 2)


def test_a_run_over_several_projections_passes_over_those_it_has_done() -> None:
    left = runs_left([row(1), row(2, "filling", run="run-7")])
    assert left == {"run-7"}
    assert rebuild_plan("usage", [row(1), row(2, run="run-7")], 2, 1, left) == Done()
    assert rebuild_plan("usage", [row(1), row(2, run="run-3")], 2, 1, left) == Make(3)


def test_the_projector_writes_what_is_filled_or_ready_in_the_registrys_order() -> None:
    rows = [Version(p.name, 1, 1, "ready") for p in reversed(PROJECTIONS)]
    rows += [Version("usage", n + 2, 1, state) for n, state in enumerate(STATES)]
    found = written(rows)
    assert list(dict.fromkeys(p.name for p in found)) == [p.name for p in PROJECTIONS]
    assert [p.version for p in found if p.name == "usage"] == [1, 3, 4]
    with pytest.raises(StoreRefused, match="version 9 of usage is of definition 77, which this release does not have"):
        written([Version("usage", 9, 77, "filling")])
