"""The upgrade demo writes where every other process writes: to the newest epoch that the broker tells of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from infra.cli import demo
from infra.cli.demo_place import on_a_stack
from infra.cli.demo_screen import Screen
from infra.cli.terminal import UserError
from infra.settings.servers import KafkaSettings
from schemas.registry import WRITE_LEVEL
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import LogUnavailable


def of_a_grown_stack(monkeypatch: pytest.MonkeyPatch, admin: Any) -> list[Any]:
    """What the demo itself was given."""
    given: list[Any] = []

    async def upgrade(folder: Path, stack: Any, properties: Any, topics: Any, *_: Any) -> Any:
        given.append(topics)
        return SimpleNamespace(holds=True, findings=())

    monkeypatch.setattr(demo, "_stack_of", lambda *_: (None, KafkaSettings(bootstrap="127.0.0.1:1")))
    monkeypatch.setattr("infra.stack.write_level.level_of", lambda _: WRITE_LEVEL)
    monkeypatch.setattr("topics.counts.open_admin", lambda _: admin)
    monkeypatch.setattr("infra.cli.demo_upgrade.upgrade", upgrade)
    return given


def test_it_knows_the_epochs_of_the_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts = {TOKEN_CHUNKS: 5, f"{TOKEN_CHUNKS}.epoch-1.from-1": 1}
    listed = {name: SimpleNamespace(partitions=range(n)) for name, n in counts.items()}
    admin = SimpleNamespace(list_topics=lambda timeout: SimpleNamespace(topics=listed))
    given = of_a_grown_stack(monkeypatch, admin)
    wanted: Any = SimpleNamespace(role="worker", model="verbatim-local")
    assert demo._upgrade(wanted, tmp_path, False, Screen(Console(), quiet=True), False)
    assert (given[0][TOKEN_CHUNKS].partitions, given[0][TOKEN_CHUNKS].epoch) == (5, 1)


def test_a_broker_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def away(*_: Any) -> Any:
        raise LogUnavailable("the broker does not answer")

    of_a_grown_stack(monkeypatch, None)
    monkeypatch.setattr("topics.counts.on_broker", away)
    wanted: Any = SimpleNamespace(role="worker", model="verbatim-local")
    with pytest.raises(UserError, match="the broker does not answer"):
        demo._upgrade(wanted, tmp_path, False, Screen(Console(), quiet=True), False)


def test_a_stack_of_the_demos_own_is_reached_as_its_own_file_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def own_stack(settings: str) -> Iterator[Path]:
        yield tmp_path

    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", "the.users.own:9092")
    monkeypatch.setattr("infra.cli.demo_stack.own_stack", own_stack)
    running: Any = SimpleNamespace(api_key="key", kafka_bootstrap="127.0.0.1:7", kafka_prefix="")
    monkeypatch.setattr("infra.cli.stack_file.running_stack", lambda folder: running if folder == tmp_path else None)
    stack, kafka = on_a_stack(True, None, True, lambda folder, _: demo._stack_of(folder, True))
    assert (stack, kafka.client_properties()["bootstrap.servers"]) == (running, "127.0.0.1:7")
