from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.lifesign import LifeSign
from tests.eventually import eventually


def test_a_beat_touches_the_file_that_was_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VERBATIM_LIFESIGN", str(tmp_path / "a.beat"))
    LifeSign.from_env().beat()
    assert (tmp_path / "a.beat").is_file()


def test_nobody_asked_means_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VERBATIM_LIFESIGN", raising=False)
    monkeypatch.chdir(tmp_path)
    LifeSign.from_env().beat()
    assert list(tmp_path.iterdir()) == []


def test_beats_in_quick_succession_touch_once(tmp_path: Path) -> None:
    sign = LifeSign(tmp_path / "a.beat")
    sign.beat()
    (tmp_path / "a.beat").unlink()
    sign.beat()
    assert not (tmp_path / "a.beat").exists()


def test_a_vanished_folder_does_not_end_the_process(tmp_path: Path) -> None:
    LifeSign(tmp_path / "gone" / "a.beat").beat()


async def test_beats_go_on_until_the_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(LifeSign(tmp_path / "a.beat").run_beats(stop))
        await eventually((tmp_path / "a.beat").exists)
        assert not beating.done()
        stop.set()
