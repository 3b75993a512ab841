"""A release's state folder as one small file: what is packed of it, and how it is unpacked."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RELEASES = Path(__file__).parent / "recorded"
MAX_BYTES = 1_500_000
# What a start writes anew, or is of that run alone.
_LEFT_OUT = re.compile(
    r"(logs|run|faust|replay)/|status\.json|supervisor\.lock|session-secret|redis-password|redis/|triton/|kafka/(?!data/)"
    r"|cassandra/(?!data/|commitlog/|hints/)|.*\.jsa$"
)
MACHINE = re.compile(rb"/(?:work|root|home|tmp|Users)/[\w-]+")


def names() -> list[str]:
    """The releases of which a folder is kept, oldest first."""
    return sorted(file.name.removesuffix(".tar.xz") for file in RELEASES.glob("*.tar.xz"))


def expected(name: str) -> dict[str, Any]:
    """What the API of that release answered about the folder before it was stopped."""
    found: dict[str, Any] = json.loads((RELEASES / f"{name}.json").read_text())
    return found


def unpack(name: str, state: Path) -> None:
    """Make the state folder."""
    with tarfile.open(RELEASES / f"{name}.tar.xz") as archive:
        archive.extractall(state, filter="data")
    for folder in (state, *(path for path in state.rglob("*") if path.is_dir())):
        folder.chmod(0o700)


def pack(state: Path, name: str, said: dict[str, Any]) -> None:
    """Keep a stopped stack's folder, and what its API said. Raises SystemExit if it is too large or names a machine."""
    RELEASES.mkdir(exist_ok=True)
    file = RELEASES / f"{name}.tar.xz"
    with tarfile.open(file, "w:xz", preset=9) as archive:
        for path in _kept(state):
            archive.add(path, str(path.relative_to(state)), recursive=False, filter=_nobodys)
    if (size := file.stat().st_size) > MAX_BYTES:
        raise SystemExit(f"{size:,} bytes are too many for the repository: record a smaller folder")
    (RELEASES / f"{name}.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


def _kept(state: Path) -> Iterator[Path]:
    for path in sorted(state.rglob("*")):
        inside = str(path.relative_to(state))
        if _LEFT_OUT.match(f"{inside}/" if path.is_dir() else inside):
            continue
        if path.is_file() and (found := MACHINE.search(path.read_bytes())):
            raise SystemExit(f"{inside} names {found[0]!r}: record another folder")
        yield path


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
