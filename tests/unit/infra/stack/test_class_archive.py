from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from infra.stack.class_archive import archive_options
from infra.stack.jars import LOCKS
from infra.stack.java import Java

GC = "-XX:+UseG1GC"


class Dumps:
    """Stands in for `java -Xshare:dump`: writes the archive, or fails."""

    def __init__(self) -> None:
        self.calls = 0
        self.code = 0

    def run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        if self.code == 0:
            name = next(a for a in command if a.startswith("-XX:SharedArchiveFile=")).partition("=")[2]
            Path(name).write_bytes(b"archive")
        return subprocess.CompletedProcess(command, self.code, "", "")


@pytest.fixture
def java(monkeypatch: pytest.MonkeyPatch) -> Dumps:
    made = Dumps()
    monkeypatch.setattr("infra.stack.class_archive.subprocess.run", made.run)
    return made


def options(
    cache: Path, class_path: str = "a.jar", collector: str = GC, version: tuple[int, ...] = (17, 0, 9)
) -> tuple[str, ...]:
    java = Java(Path(sys.executable), version)
    return archive_options(java, "kafka", class_path, collector, cache, lambda doing: None)


def test_an_archive_is_dumped_once_and_used_from_then_on(java: Dumps, tmp_path: Path) -> None:
    first = options(tmp_path)
    assert first == options(tmp_path)
    assert java.calls == 1
    assert Path(first[0].partition("=")[2]).read_bytes() == b"archive"


def test_other_jars_or_another_collector_need_another_archive_and_the_old_one_goes(java: Dumps, tmp_path: Path) -> None:
    for class_path, collector in (("a.jar", GC), ("b.jar", GC), ("b.jar", "-XX:+UseSerialGC")):
        options(tmp_path, class_path, collector)
    assert java.calls == 3
    assert len(list((tmp_path / "archives").glob("*.jsa"))) == 1


def test_two_versions_of_java_side_by_side_have_an_archive_each(java: Dumps, tmp_path: Path) -> None:
    first, second = options(tmp_path), options(tmp_path, version=(17, 0, 15))
    assert first != second
    assert (options(tmp_path), options(tmp_path, version=(17, 0, 15)), java.calls) == (first, second, 2)


def test_a_failed_dump_means_a_start_without_and_leaves_nothing(java: Dumps, tmp_path: Path) -> None:
    java.code = 1
    assert options(tmp_path) == ()
    assert [file.name for file in (tmp_path / "archives").iterdir()] == ["kafka.lock"]


@pytest.mark.parametrize("server", ["kafka", "cassandra"])
def test_class_lists_hold_classes_and_no_path_of_the_machine_that_made_them(server: str) -> None:
    lines = gzip.decompress((LOCKS / server / "classes.lst.gz").read_bytes()).decode().splitlines()
    assert len(lines) > 5000
    assert not any(line.startswith("/") or " /" in line or "source:" in line for line in lines)
