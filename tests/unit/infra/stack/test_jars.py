from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

from infra.stack import jars
from infra.stack.errors import DownloadFailed
from infra.stack.jars import Jar, class_path, is_cached, read_lock


def jar(name: str) -> Jar:
    return Jar("g", name, "1", "", hashlib.sha256(name.encode()).hexdigest())


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> tuple[Jar, ...]:
    found = (jar("a"), jar("b"))
    monkeypatch.setattr(jars, "read_lock", lambda server, locks=jars.LOCKS: found)
    return found


class Source:
    """Puts a jar's bytes where the cache wants them, and counts."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    def fetch(self, wanted: Jar, staging: Path, folder: Path) -> None:
        self.fetched.append(wanted.artifact)
        (staging / "download").write_bytes(wanted.artifact.encode())
        (staging / "download").replace(folder / wanted.file_name)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    made = Source()
    monkeypatch.setattr(jars, "_fetch", made.fetch)
    monkeypatch.setattr(jars, "PARALLEL_DOWNLOADS", 1)
    return made


def nobody(doing: str) -> None:
    pass


@pytest.mark.parametrize("server", ["kafka", "cassandra"])
def test_locks_pin_every_jar_by_checksum_and_name_no_host(server: str) -> None:
    text = (jars.LOCKS / server / "jgo.lock.toml").read_text()
    assert "://" not in text
    found = read_lock(server)
    assert len(found) == len(tomllib.loads(text)["dependencies"])
    assert all(len(one.sha256) == 64 for one in found)
    assert len({one.file_name for one in found}) == len(found)


def test_the_class_path_is_in_the_order_of_the_lock(lock: tuple[Jar, ...], source: Source, tmp_path: Path) -> None:
    names = [Path(entry).name for entry in class_path("kafka", tmp_path, nobody).split(":")]
    assert names == [one.file_name for one in lock]


def test_a_second_start_fetches_nothing(lock: tuple[Jar, ...], source: Source, tmp_path: Path) -> None:
    assert not is_cached("kafka", tmp_path)
    class_path("kafka", tmp_path, nobody)
    assert is_cached("kafka", tmp_path)
    class_path("kafka", tmp_path, nobody)
    assert source.fetched == ["a", "b"]


def test_a_damaged_jar_is_fetched_again(lock: tuple[Jar, ...], source: Source, tmp_path: Path) -> None:
    class_path("kafka", tmp_path, nobody)
    (tmp_path / "jars" / lock[1].file_name).write_bytes(b"damaged")
    assert not is_cached("kafka", tmp_path)
    class_path("kafka", tmp_path, nobody)
    assert source.fetched == ["a", "b", "b"]


def test_an_interrupted_download_leaves_no_half_jar(
    lock: tuple[Jar, ...], source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_at_b(wanted: Jar, staging: Path, folder: Path) -> None:
        if wanted.artifact == "b":
            (staging / "download").write_bytes(b"ha")
            raise DownloadFailed("could not download b")
        source.fetch(wanted, staging, folder)

    monkeypatch.setattr(jars, "_fetch", fail_at_b)
    with pytest.raises(DownloadFailed):
        class_path("kafka", tmp_path, nobody)
    assert sorted(file.name for file in (tmp_path / "jars").glob("*.jar")) == [lock[0].file_name]
    assert list((tmp_path / "jars").glob("staging-*")) == []
