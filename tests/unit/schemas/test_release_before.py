"""What this release writes before its level is raised, the code of the release before reads: its real code.

tests/releases/code/ holds it (scripts/keep_release.py).
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.codec import encode, set_write_level
from schemas.registry import READ_BEFORE, RECORD_TYPES, WRITE_LEVEL, versions_of
from tests.golden.samples import samples

CODE = Path(__file__).resolve().parents[2] / "releases" / "code"
READER = """
import sys
from schemas.codec import decode
for line in sys.stdin:
    try:
        print(type(decode(bytes.fromhex(line))).__name__)
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.fixture(scope="module", params=sorted(file.name for file in CODE.glob("*.tar.xz")))
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of a release."""
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(CODE / request.param) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def level(request: pytest.FixtureRequest) -> Iterator[int]:
    set_write_level(request.param)
    yield request.param
    set_write_level(WRITE_LEVEL)


def read_by(older: Path, values: list[bytes]) -> list[str]:
    """The type of each record, or of the error, as the older code says."""
    done = subprocess.run(
        [sys.executable, "-c", READER],
        input="".join(f"{value.hex()}\n" for value in values),
        env={"PYTHONPATH": str(older)},
        cwd=older,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_release_is_kept() -> None:
    assert list(CODE.glob("*.tar.xz"))


@pytest.mark.parametrize("level", [READ_BEFORE], indirect=True)
def test_it_reads_whatever_is_written_before_the_level_is_raised(older: Path, level: int) -> None:
    wanted = [kind for kind in RECORD_TYPES if any(version.writes <= level for version in versions_of(kind))]
    records = [record for kind in wanted for record in samples(kind).values()]
    assert read_by(older, [encode(record) for record in records]) == [type(record).__name__ for record in records]


@pytest.mark.parametrize("level", [WRITE_LEVEL], indirect=True)
def test_afterwards_it_does_not(older: Path, level: int) -> None:
    records = [record for kind in RECORD_TYPES for record in samples(kind).values()]
    said = read_by(older, [encode(record) for record in records])
    assert said != [type(record).__name__ for record in records]
