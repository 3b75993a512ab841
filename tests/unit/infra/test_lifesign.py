from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from infra import lifesign
from infra.lifesign import BEAT_INTERVAL_S, LifeSign
from tests.eventually import eventually, eventually_sync


def touched(path: Path) -> None:
    """Waits until what was asked for so far has been touched."""
    behind = path.with_name("behind")
    lifesign._TOUCHER.touch(behind)
    eventually_sync(behind.exists)
    behind.unlink()


def test_a_beat_touches_the_file_that_was_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VERBATIM_LIFESIGN", str(tmp_path / "a.beat"))
    LifeSign.from_env().beat()
    eventually_sync((tmp_path / "a.beat").is_file)


def test_nobody_asked_means_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VERBATIM_LIFESIGN", raising=False)
    monkeypatch.chdir(tmp_path)
    LifeSign.from_env().beat()
    touched(tmp_path / "a.beat")
    assert list(tmp_path.iterdir()) == []


def test_beats_in_quick_succession_touch_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now_s = 100.0
    monkeypatch.setattr(lifesign, "monotonic_s", lambda: now_s)
    sign = LifeSign(tmp_path / "a.beat")
    sign.beat()
    eventually_sync((tmp_path / "a.beat").is_file)
    (tmp_path / "a.beat").unlink()
    now_s += BEAT_INTERVAL_S / 4
    sign.beat()
    touched(tmp_path / "a.beat")
    assert not (tmp_path / "a.beat").exists()
    now_s += BEAT_INTERVAL_S / 4
    sign.beat()
    eventually_sync((tmp_path / "a.beat").is_file)


def test_a_vanished_folder_does_not_end_the_process(tmp_path: Path) -> None:
    LifeSign(tmp_path / "gone" / "a.beat").beat()
    touched(tmp_path / "a.beat")


def test_a_disk_that_does_not_answer_holds_up_nobody_and_each_file_waits_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers, asked = threading.Event(), threading.Event()
    touches: list[Path] = []

    def touch(path: Path) -> None:
        asked.set()
        answers.wait(10)
        touches.append(path)

    monkeypatch.setattr(Path, "touch", touch)
    toucher = lifesign._Toucher()
    toucher.touch(tmp_path / "a")
    assert asked.wait(10)
    for _ in range(1000):
        toucher.touch(tmp_path / "a")
        toucher.touch(tmp_path / "b")
    answers.set()
    eventually_sync(lambda: len(touches) == 3)
    assert sorted(path.name for path in touches) == ["a", "a", "b"]


async def test_beats_go_on_until_the_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(LifeSign(tmp_path / "a.beat").run_beats(stop))
        await eventually((tmp_path / "a.beat").exists)
        before_ns = os.stat(tmp_path / "a.beat").st_mtime_ns
        await eventually(lambda: os.stat(tmp_path / "a.beat").st_mtime_ns > before_ns)
        assert not beating.done()
        stop.set()
