"""Where the judges are, and how one is run: by this Python without our packages, so that none of ours helps it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.cache import cache_dir
from infra.stack.pinned_packages import PINS, PinnedPackages

SUITES = Path(__file__).parent
_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
JUDGES = PinnedPackages("the clients and suites of others", f"judges-{_PYTHON}", PINS / "judges.txt")
TIMEOUT_S = 300.0
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
_PYTEST = (
    *("-m", "pytest", "-q", "-rfEs", "-p", "no:cacheprovider", "-c", os.devnull),
    *("--rootdir", str(SUITES), "--confcutdir", str(SUITES), "-o", "markers=covers: methods of the client"),
    *("-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"),
    *("-o", "asyncio_default_fixture_loop_scope=session"),
)


@dataclass(frozen=True)
class Judged:
    """Whom to judge: where its API is, a key, and a model."""

    root: str
    key: str
    model: str

    @property
    def url(self) -> str:
        """What clients call the base URL."""
        return f"{self.root}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """What a judge needs to know."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {"JUDGED_URL": self.url, "JUDGED_KEY": self.key, "JUDGED_MODEL": self.model}


@dataclass(frozen=True)
class Verdict:
    """What a judge said, and its exit status."""

    status: int
    output: str
    complaints: str


def judge(judged: Judged, arguments: Sequence[str]) -> Verdict:
    """Run Python with these arguments among the judges."""
    folder = JUDGES.fetch(cache_dir(), print)
    python = Path(sys.base_prefix) / "bin" / _PYTHON
    alone = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return run([str(python), "-S", *arguments], judged.environment | alone)


def run(command: Sequence[str], environment: dict[str, str]) -> Verdict:
    """Run a judge to its end."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment)
    return Verdict(done.returncode, done.stdout, done.stderr)


def script(name: str) -> str:
    """The path of a judge's command."""
    return str(JUDGES.folder(cache_dir()) / "bin" / name)


def suite(name: str, *selected: str) -> list[str]:
    """Python's arguments for pytest with a suite of this folder."""
    return [*_PYTEST, f"{SUITES / name}{''.join(f'::{one}' for one in selected)}"]
