"""What judges are installed from names exact contents and no place, and their report says what was judged and when."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from infra.cache import CACHE_VARIABLE
from tests.judging import node_packages
from tests.judging.environment import SUITES, Judged, suite
from tests.judging.heavy_judges import Row, report
from tests.judging.node_packages import JUDGES_IN_NODE

LOCKFILES = sorted(SUITES.rglob("package-lock.json"))


@pytest.mark.parametrize("lockfile", LOCKFILES, ids=lambda path: path.parent.name)
def test_lockfiles_name_contents_and_no_place(lockfile: Path) -> None:
    text = lockfile.read_text()
    assert "://" not in text
    locked = json.loads(text)["packages"]
    wanted = json.loads(lockfile.with_name("package.json").read_text())["dependencies"]
    assert locked[""]["dependencies"] == wanted
    assert all(package["integrity"] for name, package in locked.items() if name)
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_there_are_lockfiles() -> None:
    assert len(LOCKFILES) == 3


def test_a_report_says_what_was_judged_when_and_what_was_found() -> None:
    rows = [Row("One", "one 1.0", 3, ()), Row("Other", "other 2", 1, ("a: wrong", "b"))]
    text = report(Judged("http://127.0.0.1:1", "vk_secret", "a-model"), rows, date(2026, 11, 30))
    lines = text.splitlines()
    assert lines[0].startswith("Judged: a-model, commit ") and lines[0].endswith(", 2026-11-30.")
    assert lines[4:] == [
        "| One (one 1.0) | 3 of 3 |",
        "| Other (other 2) | 1 of 3 |",
        "",
        "- Other: a: wrong",
        "- Other: b",
    ]
    assert "vk_secret" not in text


def test_a_suite_is_run_without_our_settings() -> None:
    arguments = suite("openai_suite.py", "test_models")
    assert arguments[-1].endswith("openai_suite.py::test_models")
    assert "--confcutdir" in arguments


def test_packages_of_npm_are_fetched_once_into_a_cache_that_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "not" / "there"))
    monkeypatch.setattr(node_packages, "node", lambda: tmp_path)
    run: list[list[str]] = []
    monkeypatch.setattr(node_packages, "run_quietly", lambda command, *_: run.append(command))
    folder = JUDGES_IN_NODE.fetch()
    assert JUDGES_IN_NODE.fetch() == folder
    assert {"package.json", "package-lock.json"} <= {file.name for file in folder.iterdir()}
    assert len(run) == 1 and "--ignore-scripts" in run[0]
