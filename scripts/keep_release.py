"""Keeps a release's product code as one file, for the tests of what two releases are to each other.

    python scripts/keep_release.py COMMIT            # writes tests/releases/code/COMMIT.tar.xz

The same commit makes the same bytes. The page and its libraries are left out: no other release reads what they write.
"""

from __future__ import annotations

import argparse
import io
import lzma
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "releases" / "code"
ROOMS = ("schemas", "topics", "infra", "streams", "inference_workers", "projections", "api")
LEFT_OUT = (":(exclude)api/web",)
MAX_BYTES = 1_000_000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("commit", help="what was released")
    commit = parser.parse_args(arguments).commit
    short = _git("rev-parse", "--short=7", f"{commit}^{{commit}}").decode().strip()
    packed = lzma.compress(_git("archive", "--format=tar", short, *ROOMS, *LEFT_OUT), preset=9 | lzma.PRESET_EXTREME)
    if len(packed) > MAX_BYTES:
        print(f"{len(packed):,} bytes are more than {MAX_BYTES:,}: leave more out", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{short}.tar.xz").write_bytes(packed)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = len(archive.getnames())
    print(f"tests/releases/code/{short}.tar.xz: {files} files, {len(packed):,} bytes")
    return 0


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607 - whichever git the developer has


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
