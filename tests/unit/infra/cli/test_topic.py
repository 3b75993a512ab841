"""`./verbatim topic grow` at the door: what it refuses before it asks any server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli import topic as command
from infra.cli.__main__ import command_line
from infra.cli.terminal import UserError
from infra.stack.layout import Layout
from topics.groups import Member


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def said(*arguments: str, status: int = 1, **env: str) -> str:
    given = ["topic", "grow", *arguments]
    done = CliRunner().invoke(command_line(given), given, env=env)
    assert done.exit_code == status, (done.output, done.exception)
    return done.stderr


@pytest.mark.parametrize("topic", ["control", "account-events", "dead-letters", "shadow.x", "no such\x1b[31m"])
def test_topics_of_one_order_cannot_be_grown(topic: str) -> None:
    answer = said(topic, "--partitions", "4")
    assert "cannot be grown" in answer and "\x1b" not in answer


def test_partitions_are_a_number_above_zero() -> None:
    assert "--partitions" in said("token-chunks", "--partitions", "0", status=2)
    assert "--partitions" in said("token-chunks", status=2)


def test_a_folder_without_a_stack_is_named(tmp_path: Path) -> None:
    state = tmp_path / "nothing"
    assert f"there is no stack in {state}" in said("token-chunks", "--partitions", "4", "--state", str(state))


def test_a_running_stack_is_stopped_first(tmp_path: Path) -> None:
    layout = Layout.at(tmp_path / "state")
    layout.create()
    with layout.held():
        answer = said("token-chunks", "--partitions", "4", "--state", str(layout.root))
    assert "the stack is running: stop it first" in answer


def test_on_an_external_broker_an_operator_vouches_for_the_api() -> None:
    answer = said("token-chunks", "--partitions", "4", VERBATIM_KAFKA__BOOTSTRAP="127.0.0.1:1")
    assert "API processes are in no consumer group" in answer and "--yes" in answer


def test_what_speaks_against_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("it was grown")

    monkeypatch.setattr("topics.growing.grow", never)
    monkeypatch.setattr(command, "_problem", lambda _: "processes are running: api-0")
    answer = said("token-chunks", "--partitions", "4", "--yes", VERBATIM_KAFKA__BOOTSTRAP="127.0.0.1:1")
    assert answer == "verbatim: nothing was changed: processes are running: api-0\n"


def test_the_broker_is_given_time_to_forget_who_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    member = Member("verbatim-recorder", "recorder-0", "10.0.0.7", 2)
    answers = [[member], [member], []]
    monkeypatch.setattr("topics.groups.members", lambda *_: answers.pop(0))
    monkeypatch.setattr("time.sleep", lambda _: None)
    settings: Any = type("Settings", (), {"kafka": type("Kafka", (), {"client_properties": lambda self: {}})()})()
    assert command._members(settings) == []
    assert answers == []


@pytest.mark.parametrize(
    ("committed", "said"),
    [
        ({("orders", 0): {"shop": 3}}, None),
        ({("orders", 0): {"shop": 3}, ("control", 0): {"lake": 3}}, "lake has 7 records of control:0 still to read"),
    ],
)
def test_what_other_applications_have_not_read_of_their_own_topics_is_no_matter(
    committed: dict[tuple[str, int], dict[str, int]], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cluster:
        """A topic of ours and one of another application, ten records in each."""

        def __init__(self, _: Any) -> None:
            pass

        def topics(self) -> dict[str, int]:
            return {"control": 1, "orders": 1}

        def held(self, topics: dict[str, int]) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
            return {(topic, 0): 0 for topic in topics}, {(topic, 0): 10 for topic in topics}

        def close(self) -> None:
            pass

    monkeypatch.setattr("topics.log.Log", Cluster)
    monkeypatch.setattr("topics.groups.members", lambda *_: [])
    monkeypatch.setattr("topics.groups.committed", lambda _: committed)
    settings: Any = type("Settings", (), {"kafka": type("Kafka", (), {"client_properties": lambda self: {}})()})()
    problem = command._problem(settings)
    assert problem is None if said is None else said in (problem or "")


def program(tmp_path: Path, *lines: str) -> str:
    """A program that stands in for the interpreter, and so for the servers."""
    file = tmp_path / "servers"
    file.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    file.chmod(0o755)
    return str(file)


def test_the_servers_are_stopped_after_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "stopped"
    stops = f"trap 'echo stopped > {noted}; exit 0' TERM"
    monkeypatch.setattr(
        sys, "executable", program(tmp_path, stops, "echo 'kafka-0: starting'", "echo 'ready: x'", "sleep 60 & wait")
    )
    with command._servers(tmp_path / "state"):
        assert not noted.exists()
    assert noted.read_text() == "stopped\n"


def test_servers_that_do_not_stop_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "pid"
    lines = ("trap '' TERM", f"echo $$ > {noted}", "echo 'ready: x'", "while true; do sleep 0.1; done")
    monkeypatch.setattr(sys, "executable", program(tmp_path, *lines))
    monkeypatch.setattr(command, "STOPPED_S", 0.2)
    with command._servers(tmp_path / "state"):
        pass
    assert not Path("/proc", noted.read_text().strip()).exists()


def test_servers_that_do_not_start_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program(tmp_path, "echo 'port 9092 is taken'", "exit 1"))
    with (
        pytest.raises(UserError, match="the servers did not start: port 9092 is taken"),
        command._servers(tmp_path / "state"),
    ):
        raise AssertionError("there are none")
