from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cli.stack_file import (
    NotRunning,
    StackChild,
    connected_settings,
    read_stack_file,
    running_stack,
    state_folder,
)
from infra.cli.terminal import UserError
from infra.stack.layout import Layout
from infra.stack.write_level import keep_level
from schemas.codec import write_level
from schemas.registry import READ_BEFORE, WRITE_LEVEL

DOCUMENT: dict[str, Any] = {
    "api": {"url": "http://127.0.0.1:8080/", "key": "vk_x"},
    "kafka": {"bootstrap": "127.0.0.1:9"},
    "cassandra": {"host": "127.0.0.1", "port": 10, "keyspace": "verbatim"},
    "redis": {"url": "redis://127.0.0.1:11/0"},
    "triton": {"grpc": "127.0.0.1:12"},
    "children": [{"name": "api", "role": "api", "pid": 7}, {"name": "x", "role": "x", "pid": None}],
}


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("VERBATIM_STATE", "VERBATIM_CONFIG", "VERBATIM_KAFKA__BOOTSTRAP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A state folder that a supervisor holds, with a stack.json."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "stack.json").write_text(json.dumps(DOCUMENT))
    with (state / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield state


def test_reads_what_a_running_stack_says(running: Path) -> None:
    stack = running_stack(running)
    assert (stack.api_url, stack.api_key) == ("http://127.0.0.1:8080", "vk_x")
    assert stack.kafka_bootstrap == "127.0.0.1:9"
    assert stack.children == (StackChild("api", "api", 7),)


def test_a_stack_file_that_nobody_holds_is_of_a_stopped_stack(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "supervisor.lock").write_text("1\n")
    with pytest.raises(NotRunning, match=r"no stack is running in .*: start one with \./verbatim up --detach --state"):
        running_stack(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"api": 3}'])
def test_a_damaged_stack_file_is_told_as_such(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)
    with pytest.raises(UserError, match=r"is not a valid stack\.json"):
        read_stack_file(tmp_path / "stack.json")


def test_a_stack_without_its_file_is_still_starting(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="still starting"):
        read_stack_file(tmp_path / "stack.json")


def test_the_state_folder_is_given_or_set_or_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_folder(None) == Path(".verbatim")
    (tmp_path / "verbatim.toml").write_text('state = "of-the-file"\n')
    assert state_folder(None) == Path("of-the-file")
    monkeypatch.setenv("VERBATIM_STATE", "of-the-environment")
    assert state_folder(None) == Path("of-the-environment")
    assert state_folder(Path("given")) == Path("given")


def test_settings_are_completed_by_the_running_stack(running: Path) -> None:
    settings = connected_settings(running)
    assert settings.kafka.bootstrap == "127.0.0.1:9"
    assert settings.cassandra.contact_points == ("127.0.0.1",)
    assert settings.cassandra.port == 10


def test_an_external_server_needs_no_running_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", "kafka.example:9092")
    assert connected_settings(tmp_path, cassandra=False).kafka.bootstrap == "kafka.example:9092"
    with pytest.raises(NotRunning):
        connected_settings(tmp_path)


def test_what_is_external_stays_external(monkeypatch: pytest.MonkeyPatch, running: Path) -> None:
    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", "kafka.example:9092")
    settings = connected_settings(running)
    assert settings.kafka.bootstrap == "kafka.example:9092"
    assert settings.cassandra.port == 10


def test_a_command_writes_at_the_level_of_its_installation(monkeypatch: pytest.MonkeyPatch, running: Path) -> None:
    connected_settings(running, cassandra=False)
    assert write_level() == READ_BEFORE
    keep_level(Layout.at(running), WRITE_LEVEL)
    connected_settings(running, cassandra=False)
    assert write_level() == WRITE_LEVEL
    monkeypatch.setenv("VERBATIM_LOG__WRITES", "1")
    connected_settings(running, cassandra=False)
    assert write_level() == 1


def test_wrong_settings_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRIP", "x")
    with pytest.raises(UserError, match="BOOTSTRIP"):
        connected_settings(None)
