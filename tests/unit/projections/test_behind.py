"""Which projections `up` has to rebuild, which folders it refuses, and which versions go before and after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.behind import behind, in_the_way, outlived, refusal
from projections.registry import DEFINITIONS, names, newest
from projections.versions import LATE, State, Version

NEWEST = {name: newest(name).definition for name in names()}
FRESH = [Version(name, 1, NEWEST[name], "ready") for name in names()]
POINTERS = dict.fromkeys(names(), 1)
STATES: tuple[State, ...] = ("making", "filling", "ready", "dropping", "dropped")


def row(
    version: int,
    definition: int,
    state: State = "ready",
    run: str | None = None,
    owner: str | None = None,
    name: str = "usage",
) -> Version:
    return Version(name, version, definition, state, run, None, owner, owner)


def test_a_new_installation_is_behind_in_nothing() -> None:
    assert behind(FRESH, POINTERS) == ()
    assert refusal(FRESH, POINTERS) is None


def test_the_release_before_is_behind_where_definitions_grew() -> None:
    before = [Version(name, 1, 1, "ready") for name in names() if name != "commands"]
    pointers = {row.projection: 1 for row in before}
    assert behind(before, pointers) == tuple(name for name in names() if NEWEST[name] > 1 and name in pointers)
    assert refusal(before, pointers) is None


def test_a_projection_that_began_empty_is_behind_until_it_has_the_history() -> None:
    late = [row(1, 1, run=LATE, name="feedback")]
    assert behind(late, {"feedback": 1}) == ("feedback",)
    assert behind([*late, row(2, 1, name="feedback")], {"feedback": 2}) == ()


@pytest.mark.parametrize("state", STATES)
def test_only_a_whole_version_of_the_newest_definition_is_enough(state: State) -> None:
    rows = [row(1, 1), row(2, NEWEST["usage"], state)]
    assert behind(rows, {"usage": 1}) == (() if state == "ready" else ("usage",))


def test_who_went_back_to_an_older_version_is_left_there() -> None:
    assert behind([row(1, 1), row(2, NEWEST["usage"])], {"usage": 1}) == ()


def test_tables_of_a_newer_release_are_refused_in_one_line() -> None:
    reason = refusal([row(1, 1), row(4, NEWEST["usage"] + 1)], {"usage": 4})
    assert reason is not None
    assert "newer than this release: version 4 of usage" in reason
    assert "\n" not in reason
    assert refusal([row(1, 1, name="not of this release")], {}) is not None


@pytest.mark.parametrize("state", ["making", "dropping", "dropped"])
def test_a_newer_version_that_nobody_writes_or_reads_is_none_of_ours(state: State) -> None:
    assert refusal([row(1, 1), row(2, 99, state)], {"usage": 1}) is None


def test_a_definition_that_is_no_more_is_told_from_a_newer_one() -> None:
    reason = refusal([row(1, 0)], {"usage": 1})
    assert reason is not None
    assert "start a release between" in reason


def test_what_an_older_rebuild_left_goes_first_but_never_from_under_somebody() -> None:
    rows = [
        row(1, 1),
        row(2, 1, "filling"),
        row(3, 1, "making", owner="somebody"),
        row(4, 1, "dropping"),
        row(5, 1, "dropped"),
        row(6, NEWEST["usage"], "filling"),
        row(7, 1, "filling", name="messages"),
    ]
    assert [found.version for found in in_the_way("usage", rows)] == [2, 4]


def test_two_definitions_are_kept_and_a_version_without_history_is_not() -> None:
    top = NEWEST["usage"]
    rows = [row(1, top - 2), row(2, top - 1), row(3, top - 1), row(4, top), row(5, top - 2, "dropped")]
    assert [found.version for found in outlived("usage", rows, before=3)] == [1]
    late = [row(1, 1, run=LATE, name="feedback"), row(2, 1, name="feedback")]
    assert [found.version for found in outlived("feedback", late, before=1)] == [1]


versions = st.lists(
    st.builds(
        Version,
        projection=st.just("usage"),
        version=st.just(0),
        definition=st.integers(1, NEWEST["usage"]),
        state=st.sampled_from(STATES),
        run=st.sampled_from((None, "run-1", LATE)),
    ),
    min_size=1,
    max_size=6,
).map(lambda rows: [row(n + 1, r.definition, r.state, r.run) for n, r in enumerate(rows)])


@given(versions, st.integers(1, 6))
def test_whatever_goes_the_version_that_was_read_stays_unless_it_was_late(rows: list[Version], before: int) -> None:
    for gone in outlived("usage", rows, before):
        assert gone.version != before or gone.run == LATE
    for gone in in_the_way("usage", rows):
        assert gone.state not in ("ready", "dropped")


def test_older_definitions_stand_before_newer_ones() -> None:
    for name in names():
        numbers = [projection.definition for projection in DEFINITIONS if projection.name == name]
        assert numbers == sorted(set(numbers))
