"""The virtual environment of Triton's models: numpy 1 and what else they import, apart from our own packages.

Made once, from `requirements/triton-models.txt`, in the cache beside the jars: installations of one release share it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.logging import get_logger
from infra.stack.jars import Say
from infra.stack.triton_python import NoTritonPython, TritonPython

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "triton-models.txt"
STAMP = "verbatim-made"
MAKE_TIMEOUT_S = 600
LAST_LINES = 10

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TritonEnvironment:
    """A virtual environment that holds the server, and the Python it was made from."""

    root: Path
    python: TritonPython

    @property
    def packages(self) -> Path:
        return self.root / "lib" / f"python{self.python.version}" / "site-packages"

    @property
    def server(self) -> Path:
        """The folder of the server, its backends and its stubs."""
        return self.packages / "pytriton" / "tritonserver"

    def is_made(self) -> bool:
        """Whether it is whole, and its interpreter still there."""
        return (self.root / STAMP).is_file() and (self.root / "bin" / "python3").exists()


def triton_environment(python: TritonPython, cache: Path) -> TritonEnvironment:
    """Where the environment for `python` is, or will be."""
    identity = f"{python.binary.resolve()}\0".encode() + REQUIREMENTS.read_bytes()
    name = f"triton-{python.version}-{hashlib.sha256(identity).hexdigest()[:12]}"
    return TritonEnvironment(cache / name, python)


def make_environment(environment: TritonEnvironment, say: Say) -> None:
    """Make it if it is not there. Blocking: half a minute, once. Safe to interrupt, and to run from several processes.

    Raises NoTritonPython when it cannot be made.
    """
    if environment.is_made():
        return
    try:
        _make(environment, say)
    except OSError as error:
        raise NoTritonPython(f"{environment.root} cannot be made ({error.strerror})") from None


def _make(environment: TritonEnvironment, say: Say) -> None:
    root = environment.root
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if environment.is_made():
            return
        say("installing Triton (once)")
        shutil.rmtree(root, ignore_errors=True)
        _run([str(environment.python.binary), "-I", "-m", "venv", "--without-pip", str(root)])
        # Our own pip installs into it, so that the host's Python needs neither pip nor ensurepip.
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        pip += ["--python", str(root / "bin" / "python3")]
        _run([*pip, "install", "-q", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)])
        (root / STAMP).touch()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=MAKE_TIMEOUT_S, check=False, env=_without_ours(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoTritonPython(f"its packages could not be installed ({type(error).__name__})") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        log.error("cannot install Triton", said=lines[-LAST_LINES:])
        raise NoTritonPython(f"its packages could not be installed ({lines[-1][:200] if lines else 'no reason given'})")


def _without_ours() -> dict[str, str]:
    """The environment without what would lead another Python to our own modules."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
