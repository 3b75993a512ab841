"""A folder is asked whether it takes direct writes, and nothing stays of the question."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from infra.stack.direct_io import takes_direct_writes

DIRECT = getattr(os, "O_DIRECT", 0)


@pytest.mark.skipif(not DIRECT, reason="this system has no direct writes")
def test_a_written_page_says_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    real_open = os.open

    def open_without(path: Path, flags: int, mode: int) -> int:
        opened.append(flags)
        return real_open(path, flags & ~DIRECT, mode)

    monkeypatch.setattr(os, "open", open_without)
    assert takes_direct_writes(tmp_path)
    assert opened[0] & DIRECT
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_refuses_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def refused(path: Path, flags: int, mode: int) -> int:
        os.close(real_open(path, os.O_CREAT, mode))
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "open", refused)
    assert not takes_direct_writes(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not DIRECT, reason="this system has no direct writes")
def test_a_write_that_fails_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(file: int, data: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "write", refused)
    assert not takes_direct_writes(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    assert not takes_direct_writes(tmp_path)
