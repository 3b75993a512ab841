"""When the write level of an installation may be raised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.cli.upgrade_state import Installation, raise_level
from infra.stack.layout import Layout
from infra.stack.write_level import keep_level, level_of
from tests.in_process import run_command
from topics.groups import Member

OLD = Member("verbatim-recorder", "recorder-7", "10.0.0.9", 1)
NEW = Member("verbatim-metering", "metering-7", "10.0.0.9", 2)


@pytest.fixture
def found(tmp_path: Path) -> Installation:
    layout = Layout.at(tmp_path / "state")
    layout.create()
    keep_level(layout, 1)
    return Installation(layout, 1, 2, None, False, ("api-0", "recorder-0"), (NEW,))


def test_it_is_raised_where_nobody_is_older(found: Installation) -> None:
    assert found.problem(False) is None
    assert raise_level(found)
    assert level_of(found.layout) == 2
    assert not raise_level(replace(found, level=2))


def test_an_older_member_is_named(found: Installation) -> None:
    skewed = replace(found, members=(OLD, NEW))
    problem = skewed.problem(False)
    assert problem is not None and "recorder-7 (verbatim-recorder, 10.0.0.9)" in problem
    assert skewed.problem(True) is None


def test_who_is_restarted_here_is_no_obstacle(found: Installation) -> None:
    assert replace(found, members=(replace(OLD, name="recorder-0"),)).problem(False) is None


def test_on_an_external_broker_an_operator_vouches_for_the_api_elsewhere(found: Installation) -> None:
    problem = replace(found, is_external=True).problem(False)
    assert problem is not None and "API processes of other hosts" in problem
    assert replace(found, is_external=True).problem(True) is None


def test_what_the_settings_hold_is_changed_there(found: Installation) -> None:
    for yes in (False, True):
        problem = replace(found, said=1).problem(yes)
        assert problem is not None and "log.writes" in problem


def test_what_is_done_is_no_problem(found: Installation) -> None:
    assert replace(found, level=2, is_external=True, members=(OLD,)).problem(False) is None


@pytest.fixture
def restarted(found: Installation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The children that the command restarts, in an installation on an external broker."""
    names: list[str] = []
    monkeypatch.setattr("infra.cli.upgrade_state.look", lambda _: replace(found, is_external=True))
    monkeypatch.setattr("infra.cli.stack_restart.restart_each", lambda _, children: names.extend(children))
    return names


def test_on_an_external_broker_the_command_wants_a_word_of_an_operator(
    found: Installation, restarted: list[str]
) -> None:
    done = run_command(["upgrade", "finish"], {})
    assert done.status == 1 and "run ./verbatim upgrade finish --yes" in done.err
    assert (level_of(found.layout), restarted) == (1, [])


def test_with_that_word_the_level_is_kept_before_each_process_is_restarted(
    found: Installation, restarted: list[str]
) -> None:
    done = run_command(["upgrade", "finish", "--yes"], {})
    assert (done.status, done.err) == (0, "")
    assert "new records are written from now on: level 2" in done.text
    assert (level_of(found.layout), restarted) == (2, ["api-0", "recorder-0"])
