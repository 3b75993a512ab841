"""What a host has to give, with and without a limit of its control group."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stack.memory import memory_available

MIB = 1024**2


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal: 9000000 kB\nMemAvailable: 4096000 kB\n")
    return file


def limited(folder: Path, limit: str) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{900 * MIB}\n")
    (folder / "memory.stat").write_text(f"anon 1\nfile {800 * MIB}\ninactive_file {700 * MIB}\nactive_file 1\n")
    return folder


def test_without_control_groups_the_host_says_it(meminfo: Path, tmp_path: Path) -> None:
    assert memory_available(meminfo, tmp_path / "none") == 4096000 * 1024
    assert memory_available(meminfo, limited(tmp_path, "max")) == 4096000 * 1024
    assert memory_available(tmp_path / "none", tmp_path) is None


def test_copies_of_files_count_as_free_within_a_limit(meminfo: Path, tmp_path: Path) -> None:
    assert memory_available(meminfo, limited(tmp_path, str(1000 * MIB))) == 800 * MIB
    assert memory_available(meminfo, limited(tmp_path, str(100 * MIB))) == 0
