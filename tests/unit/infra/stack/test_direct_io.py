"""A folder is asked whether it takes direct writes, and nothing stays of the question."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from infra.stack.direct_io import takes_direct_writes

FLAG = 1 << 30


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The flags that files were opened with, on a system and a file system that take FLAG for a direct write."""
    flags_seen: list[int] = []
    real_open = os.open

    def open_directly(path: Path, flags: int, mode: int) -> int:
        flags_seen.append(flags)
        return real_open(path, flags & ~FLAG, mode)

    monkeypatch.setattr(os, "O_DIRECT", FLAG, raising=False)
    monkeypatch.setattr(os, "open", open_directly)
    return flags_seen


def test_a_written_page_says_yes(tmp_path: Path, opened: list[int]) -> None:
    assert takes_direct_writes(tmp_path)
    assert [flags & FLAG for flags in opened] == [FLAG]
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_refuses_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def refused(path: Path, flags: int, mode: int) -> int:
        os.close(real_open(path, os.O_CREAT, mode))
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "O_DIRECT", FLAG, raising=False)
    monkeypatch.setattr(os, "open", refused)
    assert not takes_direct_writes(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_says_no(tmp_path: Path, opened: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(file: int, data: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "write", refused)
    assert not takes_direct_writes(tmp_path)
    assert opened
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    assert not takes_direct_writes(tmp_path)
