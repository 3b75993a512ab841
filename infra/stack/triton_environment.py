"""The virtual environment of Triton's models: numpy 1 and what else they import, apart from our own packages.

Made once, from `requirements/triton-models.txt`, in the cache beside the jars: installations of one release share it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.stack.installing import PIP, NotInstalled, run_quietly
from infra.stack.jars import Say
from infra.stack.triton_python import NoTritonPython, TritonPython

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "triton-models.txt"
STAMP = "verbatim-made"
MAKE_TIMEOUT_S = 600


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
        _run(
            [
                *PIP,
                "--python",
                str(root / "bin" / "python3"),
                "install",
                "-q",
                "--no-deps",
                "--require-hashes",
                "-r",
                str(REQUIREMENTS),
            ]
        )
        (root / STAMP).touch()


def _run(command: list[str]) -> None:
    try:
        run_quietly(command, "Triton", MAKE_TIMEOUT_S)
    except NotInstalled as error:
        raise NoTritonPython(f"its packages could not be installed ({error})") from None
