"""Which Python runs Triton's models, by stand-ins that answer as an interpreter would."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.settings.servers import ServersSettings
from infra.stack import triton_python
from infra.stack.programs import local_programs
from infra.stack.triton_environment import REQUIREMENTS, make_environment, triton_environment
from infra.stack.triton_python import NoTritonPython, TritonPython, find_triton_python

ALL_BUT_TRITON = frozenset({"kafka", "cassandra", "redis"})


def interpreter(folder: Path, version: str, libraries: str | None = "", has_venv: bool = True) -> Path:
    file = folder / f"python{version}"
    file.write_text(f"#!/bin/sh\necho '{json.dumps([version, libraries, has_venv])}'\n")
    file.chmod(0o755)
    return file


def test_the_named_one_is_taken(tmp_path: Path) -> None:
    file = interpreter(tmp_path, "3.12", "/lib")
    found = find_triton_python({"TRITON_PYTHON": str(file), "PATH": ""})
    assert found == TritonPython(file, "3.12", "/lib")


def test_ours_goes_before_the_hosts_where_it_fits(tmp_path: Path) -> None:
    interpreter(tmp_path, "3.12")
    found = find_triton_python({"PATH": str(tmp_path)})
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert found.version == (ours if ours in ("3.11", "3.12") else "3.12")


def test_a_home_that_cannot_be_looked_at_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_python, "USUAL_FOLDERS", ())
    ours = SimpleNamespace(version_info=SimpleNamespace(major=3, minor=14), executable="")
    monkeypatch.setattr(triton_python, "sys", ours)
    with pytest.raises(NoTritonPython, match=r"no Python 3.11 or 3.12 was found"):
        find_triton_python({"PATH": "", "HOME": "/" + "x" * 300})


@pytest.mark.parametrize(
    ("version", "libraries", "has_venv", "said"),
    [
        ("3.13", "", True, "TRITON_PYTHON names .*, which is not a Python 3.11 or 3.12"),
        ("3.12", None, True, r"has no libpython3.12.so.1.0 \(install the package libpython3.12\)"),
        ("3.11", "", False, r"has no module venv \(install the package python3.11-venv\)"),
    ],
)
def test_what_is_missing_is_said(
    version: str, libraries: str | None, has_venv: bool, said: str, tmp_path: Path
) -> None:
    file = interpreter(tmp_path, version, libraries, has_venv)
    with pytest.raises(NoTritonPython, match=said):
        find_triton_python({"TRITON_PYTHON": str(file), "PATH": ""})


def test_a_name_of_nothing_is_no_reason_to_take_another() -> None:
    with pytest.raises(NoTritonPython, match=r"TRITON_PYTHON names /nonexistent, which is not a Python 3.11 or 3.12"):
        find_triton_python({"TRITON_PYTHON": "/nonexistent"})


def test_other_pins_or_another_python_are_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = TritonPython(tmp_path / "a", "3.12", "")
    place = triton_environment(first, tmp_path).root
    assert place == triton_environment(first, tmp_path).root
    assert triton_environment(TritonPython(tmp_path / "b", "3.12", ""), tmp_path).root != place
    other = tmp_path / "pins.txt"
    other.write_bytes(REQUIREMENTS.read_bytes() + b"# more")
    monkeypatch.setattr("infra.stack.triton_environment.REQUIREMENTS", other)
    assert triton_environment(first, tmp_path).root != place


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("a file, where a folder would be")
    environment = triton_environment(TritonPython(Path(sys.executable), "3.12", ""), cache)
    with pytest.raises(NoTritonPython, match=r"triton-3.12-.* cannot be made \("):
        make_environment(environment, lambda _: None)


def test_doctor_tells_what_is_missing_and_it_is_no_problem() -> None:
    (program,) = local_programs(ServersSettings(), ALL_BUT_TRITON, {"TRITON_PYTHON": "/nonexistent"})
    assert program.problem == ""
    assert program.found == "not running: TRITON_PYTHON names /nonexistent, which is not a Python 3.11 or 3.12"
    assert program.note == "a plain process serves the local model"
