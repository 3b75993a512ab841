"""How a process ends: its exit status, and one line for what an operator can see to; a bug stays a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from infra.cassandra.errors import StoreUnavailable
from infra.models.spec import ModelsFileError
from infra.moderation.policy_file import load_policy
from infra.processes.runner import run
from infra.settings import Settings
from infra.settings.errors import SettingsError
from schemas.codec import NewerRecord
from streams.metering.agent import make_metering_app
from topics.errors import FatalLogError, LogUnavailable


class Own(Exception):
    """An error that one process declares."""


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "argv", ["process"])
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)


def ended(error: Exception | None, *, outside: tuple[type[Exception], ...] = ()) -> int:
    def work(settings: Settings) -> None:
        if error is not None:
            raise error

    return run("probe", work, outside=outside)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (LogUnavailable("away"), 1),
        (StoreUnavailable("away"), 1),
        (ExceptionGroup("work", [FatalLogError("fenced")]), 1),
        (Own("taken"), 1),
        (SettingsError("kafka.bootstrap: say where"), 2),
        (ExceptionGroup("work", [SettingsError("wrong"), LogUnavailable("away")]), 1),
        (NewerRecord(4711), 3),
        (ExceptionGroup("work", [ExceptionGroup("inner", [NewerRecord(4711), FatalLogError("fenced")])]), 3),
        (ExceptionGroup("work", [NewerRecord(4711), ValueError("follows from it")]), 3),
    ],
)
def test_the_exit_status_says_why(error: Exception | None, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(error, outside=(Own,)) == status
    said = capsys.readouterr().err
    assert bool(said) == bool(status)
    assert all(line.startswith("probe: ") for line in said.splitlines())
    assert ("upgrade" in said) == (status == 3)


@pytest.mark.parametrize(
    "mistake",
    [SettingsError("kafka.bootstrap is empty"), ModelsFileError(Path("models.toml"), 3, "unknown key")],
)
def test_a_mistake_is_one_line(mistake: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(mistake) == 2
    assert capsys.readouterr().err == f"probe: {mistake}\n"


def test_a_wrong_policy_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[[rule]]\nid = 'a'")

    def work(_: Settings) -> None:
        load_policy(file)

    assert run("probe", work) == 2
    assert capsys.readouterr().err == f"probe: {file}: rule 1: category is missing, a text is expected\n"


def test_no_broker_is_a_mistake() -> None:
    def work(settings: Settings) -> None:
        make_metering_app(settings)

    assert run("metering", work) == 2


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("bug"), ExceptionGroup("work", [LogUnavailable("away"), KeyError("bug")]), Own("new")]
)
def test_a_bug_is_not_hidden(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        ended(bug)


def test_what_nobody_knows_on_the_command_line_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["process", "--spear"])
    assert run("worker", lambda _: None, arguments=("--spare",)) == 2
    assert capsys.readouterr().err == "usage: python -m infra.processes.worker [--spare]\n"
    monkeypatch.setattr(sys, "argv", ["process", "--spare"])
    assert run("worker", lambda _: None, arguments=("--spare",)) == 0
