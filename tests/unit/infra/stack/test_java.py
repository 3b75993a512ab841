from __future__ import annotations

from pathlib import Path

import pytest

from infra.stack.errors import CannotStart
from infra.stack.java import NEEDED_MODULES, chosen_java

MODULES = " ".join(sorted(NEEDED_MODULES))


def runtime(folder: Path, name: str, version: str = "17.0.15", modules: str = MODULES, more: str = "") -> Path:
    binary = folder / name / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o755)
    (folder / name / "release").write_text(f'IMPLEMENTOR="X Y"\nJAVA_VERSION="{version}"\nMODULES="{modules}"\n{more}')
    return binary


def test_the_newest_fitting_java_of_the_host_goes_before_the_packaged_one(tmp_path: Path) -> None:
    runtime(tmp_path, "a", "17.0.12")
    newest = runtime(tmp_path, "b", "17.0.15")
    runtime(tmp_path, "c", "25.0.1")
    chosen = chosen_java("auto", {"PATH": ""}, tmp_path)
    assert (chosen.binary, chosen.version, chosen.packaged) == (newest, (17, 0, 15), False)


def test_java_home_and_the_path_are_looked_at_too(tmp_path: Path) -> None:
    home, on_path = runtime(tmp_path, "home", "17.0.14"), runtime(tmp_path, "path", "17.0.16")
    nothing = tmp_path / "nothing"
    assert chosen_java("auto", {"JAVA_HOME": str(tmp_path / "home"), "PATH": ""}, nothing).binary == home
    assert chosen_java("auto", {"PATH": str(on_path.parent)}, nothing).binary == on_path


def test_what_cannot_be_looked_at_is_passed_over(tmp_path: Path) -> None:
    # A name that is too long fails for every user; a folder that may not be looked into only for those without rights.
    home = "/" + "x" * 300
    assert chosen_java("auto", {"JAVA_HOME": home, "PATH": ""}, tmp_path).packaged
    with pytest.raises(CannotStart, match=r"servers.java names .*, which is not a file"):
        chosen_java(home, {})


@pytest.mark.parametrize(
    ("version", "modules", "more"),
    [
        ("17.0.2", MODULES, ""),
        ("17", MODULES, ""),
        ("21.0.9", MODULES, ""),
        ("1.8.0_402", MODULES, ""),
        ("x", MODULES, ""),
        ("17.0.15", "java.base java.sql", ""),
        ("17.0.15", MODULES, 'JVM_VARIANT="Openj9"\n'),
        ("17.0.15", MODULES, 'BROKEN="\n'),
    ],
)
def test_what_is_older_or_does_not_fit_is_passed_over(version: str, modules: str, more: str, tmp_path: Path) -> None:
    runtime(tmp_path, "a", version, modules, more)
    assert chosen_java("auto", {"PATH": ""}, tmp_path).packaged


def test_the_packaged_one_can_be_asked_for(tmp_path: Path) -> None:
    runtime(tmp_path, "a")
    chosen = chosen_java("packaged", {"PATH": ""}, tmp_path)
    assert (chosen.packaged, chosen.version_text) == (True, "17.0.9")


def test_a_named_one_is_used_or_refused_in_one_line(tmp_path: Path) -> None:
    older, other = runtime(tmp_path, "a", "17.0.2"), runtime(tmp_path, "b", "21.0.1")
    assert chosen_java(str(older), {}).binary == older
    with pytest.raises(CannotStart, match=r"servers.java names .*, which is Java 21: Java 17 is needed"):
        chosen_java(str(other), {})
    with pytest.raises(CannotStart, match=r"servers.java names .*, which is not a file"):
        chosen_java(str(tmp_path / "none"), {})
