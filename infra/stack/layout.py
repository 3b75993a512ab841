"""The state folder: what lies where in `.verbatim/` (or `--state DIR`), and the marker that makes it ours."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.ids import draw_uuid
from infra.stack.errors import AlreadyRunning, ForeignFolder

MARKER = "verbatim-state"
LOCK_TRIES = 10
LOCK_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths inside one state folder. `root` is absolute."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> Layout:
        return cls(folder.absolute())

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def stack_file(self) -> Path:
        """stack.json: where everything listens, and the first key. Mode 0600."""
        return self.root / "stack.json"

    @property
    def session_secret_file(self) -> Path:
        """What browsers' sign-ins are signed with. Mode 0600."""
        return self.root / "session-secret"

    @property
    def redis_password_file(self) -> Path:
        """What opens the local Redis. Mode 0600."""
        return self.root / "redis-password"

    @property
    def write_level_file(self) -> Path:
        """The write level of what starts here: see infra.stack.write_level."""
        return self.root / "write-level"

    @property
    def status_file(self) -> Path:
        """What the supervisor is doing; outlives it, so check `supervisor_pid`."""
        return self.root / "status.json"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Signs of life and other files that mean nothing after a stop."""
        return self.root / "run"

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def sign_of(self, name: str) -> Path:
        return self.run / f"{name}.beat"

    def timer_slack_of(self, name: str) -> Path:
        """What timer slack a child got, in nanoseconds."""
        return self.run / f"{name}.timer-slack"

    def restart_of(self, name: str) -> Path:
        """Where a request to restart a child is put; the supervisor takes it away when it begins."""
        return self.run / f"{name}.restart"

    def parting_of(self, name: str) -> Path:
        """Where it is asked that the agents of a process get processes of their own; taken away likewise."""
        return self.run / f"{name}.part"

    def data_of(self, server: str) -> Path:
        """The folder of a server's configuration and data."""
        return self.root / server

    def stack_id(self) -> str:
        """The id drawn when the folder was made; children carry it in their environment."""
        return self.marker.read_text().strip()

    def create(self) -> None:
        """Make the folder ours (mode 0700). Raises ForeignFolder where other people's files lie."""
        if not self.marker.is_file():
            if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
                raise ForeignFolder(
                    f"{self.root} is not empty and not a state folder of Verbatim: choose another --state"
                )
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.marker, draw_uuid().hex + "\n")
        for folder in (self.logs, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)

    def supervisor_pid(self) -> int | None:
        """The pid of the supervisor that holds this folder, or None.

        The kernel's lock tells, not the number in the file: a lock dies with its process.
        """
        try:
            file = (self.root / "supervisor.lock").open("r+")
        except OSError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else 0
            return None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process. Raises AlreadyRunning when another one does."""
        with (self.root / "supervisor.lock").open("a+") as file:
            # A look by `supervisor_pid` holds the lock for microseconds: only a lasting holder is a supervisor.
            for left in reversed(range(LOCK_TRIES)):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if left == 0:
                        raise AlreadyRunning(f"a stack is already running in {self.root}") from None
                    time.sleep(LOCK_PAUSE_S)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def delete(self) -> None:
        """Delete the folder and all data in it. Raises ForeignFolder unless it bears our marker."""
        if not self.marker.is_file():
            raise ForeignFolder(f"{self.root} is not a state folder of Verbatim (no {MARKER} in it): nothing deleted")
        for path in self.root.iterdir():
            if path.name == MARKER:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        # The marker goes last, so that an interrupted reset can be run again.
        self.marker.unlink()
        self.root.rmdir()


def write_private(path: Path, text: str) -> None:
    """Replace a file at once (readers see the old or the new text whole), mode 0600."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
